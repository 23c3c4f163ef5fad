import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AssetHashType, AssetStaging, DockerImage } from "aws-cdk-lib";
import type { BundlingOptions } from "aws-cdk-lib";
import { Code } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { LifeboatError } from "../../shared/errors.ts";
import { BUNDLES, CONFIG_FILE } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";

export type FunctionName = "backup" | "verify" | "check" | "keeper" | "desk" | "maintain";
/** Those that the state machine runs, as functions or as tasks. */
export type StepName = Extract<FunctionName, "backup" | "verify">;

/**
 * The code of a function: its bundle, lifeboat.yaml as it is, and the certificates of authorities that this names. Throws `input/not-found` where there is no bundle.
 */
export function functionCode(name: FunctionName, configuration: Configuration): Code {
  const bundle = bundleOf(name);
  return Code.fromAsset(bundle, { assetHashType: AssetHashType.OUTPUT, bundling: copying(bundle, configuration) });
}

/** The folder of an image that runs both as tasks, with `dockerfile`; nothing of Docker is needed before it is deployed. */
export function imageFolder(scope: Construct, id: string, configuration: Configuration, dockerfile: string): string {
  const bundle = bundleOf("task");
  const bundling = copying(bundle, configuration, (folder) => writeFileSync(join(folder, "Dockerfile"), dockerfile));
  return new AssetStaging(scope, id, { sourcePath: bundle, assetHashType: AssetHashType.OUTPUT, bundling }).absoluteStagedPath;
}

function bundleOf(name: FunctionName | "task"): string {
  const folder = fileURLToPath(new URL(`../../${BUNDLES}/${name}`, import.meta.url));
  if (existsSync(folder)) return folder;
  throw new LifeboatError("input/not-found", `the code of the function ${name} is not in ${folder}`, {
    hint: "make it with npm run synth, which bundles the functions first",
  });
}

function copying(bundle: string, { path, authorities }: Configuration, addTo?: (folder: string) => void): BundlingOptions {
  return {
    // Never fetched, since files can be copied without it.
    image: DockerImage.fromRegistry("not-used"),
    // Not for the image: CDK takes two bundlings that differ in nothing that it sees for one.
    environment: { CONFIGURATION: createHash("sha256").update(readFileSync(path)).update(path).digest("hex") },
    local: {
      tryBundle(folder) {
        cpSync(bundle, folder, { recursive: true });
        cpSync(path, join(folder, CONFIG_FILE));
        for (const file of authorities) cpSync(join(dirname(path), file), join(folder, file));
        addTo?.(folder);
        return true;
      },
    },
  };
}
