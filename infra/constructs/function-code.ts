import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AssetHashType, AssetStaging, DockerImage } from "aws-cdk-lib";
import type { BundlingOptions } from "aws-cdk-lib";
import { Code } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { LifeboatError } from "../../shared/errors.ts";
import { BUNDLES, CONFIG_FILE } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";

export type FunctionName = "backup" | "verify" | "check" | "audit" | "keeper" | "desk" | "maintain" | "drill-desk" | "plan" | "watch";
/** Those that the state machine runs, as functions or as tasks. */
export type StepName = Extract<FunctionName, "backup" | "verify">;

/**
 * The code of a function: its bundle, lifeboat.yaml as it is, and the certificates of authorities that this names. Throws `input/not-found` where there is no bundle.
 */
export function functionCode(name: FunctionName, configuration: Configuration): Code {
  const bundle = bundleOf(name);
  return Code.fromAsset(bundle, { assetHashType: AssetHashType.OUTPUT, bundling: copying(bundle, configuration) });
}

/**
 * The folder of an image that runs the bundle `name`, with `dockerfile` and what `addTo` puts there; nothing of Docker is needed before it is deployed.
 */
export function imageFolder(scope: Construct, id: string, { name, configuration, dockerfile, codeIn, addTo }: ImageFolderProps): string {
  const bundle = bundleOf(name);
  const bundling = copying(bundle, configuration, {
    codeIn,
    addTo: (folder) => {
      writeFileSync(join(folder, "Dockerfile"), dockerfile);
      addTo?.(folder);
    },
  });
  return new AssetStaging(scope, id, { sourcePath: bundle, assetHashType: AssetHashType.OUTPUT, bundling }).absoluteStagedPath;
}

export interface ImageFolderProps {
  readonly name: ImageName;
  readonly configuration: Configuration;
  readonly dockerfile: string;
  /**
   * The folder in it that has the code.
   *
   * @default the folder itself
   */
  readonly codeIn?: string;
  readonly addTo?: (folder: string) => void;
}

type ImageName = "task" | "drill-image";

function bundleOf(name: FunctionName | ImageName): string {
  const folder = fileURLToPath(new URL(`../../${BUNDLES}/${name}`, import.meta.url));
  if (existsSync(folder)) return folder;
  throw new LifeboatError("input/not-found", `the code of the function ${name} is not in ${folder}`, {
    hint: "make it with npm run synth, which bundles the functions first",
  });
}

function copying(
  bundle: string,
  { path, authorities }: Configuration,
  { codeIn = "", addTo }: Partial<Pick<ImageFolderProps, "codeIn" | "addTo">> = {},
): BundlingOptions {
  return {
    // Never fetched, since files can be copied without it.
    image: DockerImage.fromRegistry("not-used"),
    // Not for the image: CDK takes two bundlings that differ in nothing that it sees for one.
    environment: { CONFIGURATION: createHash("sha256").update(readFileSync(path)).update(path).digest("hex") },
    local: {
      tryBundle(folder) {
        const code = join(folder, codeIn);
        cpSync(bundle, code, { recursive: true });
        cpSync(path, join(code, CONFIG_FILE));
        for (const file of authorities) cpSync(join(dirname(path), file), join(code, file));
        // Whoever runs it is neither their owner nor of their group.
        for (const file of [CONFIG_FILE, ...authorities]) chmodSync(join(code, file), 0o644);
        addTo?.(folder);
        return true;
      },
    },
  };
}
