import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { Code, LayerVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { LifeboatError, messageOf } from "../../shared/errors.ts";
import type { KopiaProgram } from "../deployment.ts";

/** kopia as `bin/kopia` of a layer, which Lambda has on PATH. Throws `input/not-found` where the file is not there, `input/unusable` where it is another one or for another machine. */
export function kopiaLayer(scope: Construct, id: string, program: KopiaProgram): LayerVersion {
  requireProgram(program);
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

/** https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html: after the magic number and e_type, in the order of bytes that EI_DATA says. */
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const MACHINE_AT = 18;
const AARCH64 = 183;

function requireProgram({ path, sha256 }: KopiaProgram): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new LifeboatError("input/not-found", `cannot read kopia for the functions: ${messageOf(error)}`, {
      hint: "service.kopia.path names the program of a release of kopia for linux-arm64, relative to the configuration",
      cause: error,
    });
  }
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256)
    throw new LifeboatError("input/unusable", `${path} has the SHA-256 ${actual}, and service.kopia.sha256 says ${sha256}`, {
      hint: "find out which kopia it is before it goes into the functions, then write its SHA-256 there",
    });
  if (!bytes.subarray(0, ELF.length).equals(ELF) || bytes.length < MACHINE_AT + 2 || bytes.readUInt16LE(MACHINE_AT) !== AARCH64)
    throw new LifeboatError("input/unusable", `${path} is no program for linux-arm64, on which the functions run`, {
      hint: "unpack kopia of a release's linux-arm64 archive, and name the program in it",
    });
}
