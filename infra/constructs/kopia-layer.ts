import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { Code, LayerVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { KopiaProgram } from "../deployment.ts";
import { requireProgram } from "./program-file.ts";

/** kopia as `bin/kopia` of a layer, which Lambda has on PATH. Throws `input/not-found` where the file is not there, `input/unusable` where it is another one or for another machine. */
export function kopiaLayer(scope: Construct, id: string, program: KopiaProgram): LayerVersion {
  requireProgram(program, { name: "kopia", setting: "service.kopia", architecture: "arm64" });
  return new LayerVersion(scope, id, {
    description: "etcd-lifeboat: kopia",
    // CDK bundles folders; what else lies beside the program neither goes in nor counts.
    code: Code.fromAsset(dirname(program.path), {
      assetHash: program.sha256,
      assetHashType: AssetHashType.CUSTOM,
      bundling: {
        // Never fetched, since a file can be copied without it.
        image: DockerImage.fromRegistry("not-used"),
        local: {
          tryBundle(output) {
            mkdirSync(join(output, "bin"));
            copyFileSync(program.path, join(output, "bin/kopia"));
            chmodSync(join(output, "bin/kopia"), 0o755);
            return true;
          },
        },
      },
    }),
  });
}
