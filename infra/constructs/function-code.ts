import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { Code } from "aws-cdk-lib/aws-lambda";
import { LifeboatError } from "../../shared/errors.ts";
import { BUNDLES, CONFIG_FILE } from "../../shared/service.ts";
import type { Deployment } from "../deployment.ts";

export type FunctionName = "backup" | "verify";

/**
 * The code of a function: its bundle, lifeboat.yaml as it is, and the certificates of authorities that this names. Throws `output/failed` where there is no bundle.
 */
export function functionCode(name: FunctionName, deployment: Deployment): Code {
  const bundle = bundleOf(name);
  return Code.fromAsset(bundle, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never fetched, since files can be copied without it.
      image: DockerImage.fromRegistry("not-used"),
      // Not for the image: CDK takes two bundlings that differ in nothing that it sees for one.
      environment: { CONFIGURATION: createHash("sha256").update(readFileSync(deployment.path)).update(deployment.path).digest("hex") },
      local: {
        tryBundle(folder) {
          copyCode(bundle, folder, deployment);
          return true;
        },
      },
    },
  });
}

function bundleOf(name: FunctionName): string {
  const folder = fileURLToPath(new URL(`../../${BUNDLES}/${name}`, import.meta.url));
  if (existsSync(folder)) return folder;
  throw new LifeboatError("input/not-found", `the code of the function ${name} is not in ${folder}`, {
    hint: "make it with npm run synth, which bundles the functions first",
  });
}

function copyCode(bundle: string, folder: string, { loaded, path, authorities }: Deployment): void {
  cpSync(bundle, folder, { recursive: true });
  cpSync(path, join(folder, CONFIG_FILE));
  for (const file of authorities) cpSync(join(loaded.directory, file), join(folder, file));
}
