import { cpSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { Code, LayerVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Architecture } from "../../shared/bundle/plan.ts";
import { LifeboatError } from "../../shared/errors.ts";

/** Servers, key makers and what reads objects are for other work, and a function with its layers has 250 MB. */
const LEFT_OUT = new Set(["age-keygen", "etcd", "kube-decode"]);

/**
 * The package of programs for the nodes of an architecture, where a function finds packages of Node: so it is looked for as on any other machine. Apart from the code, which changes with each configuration, and some 115 MB. Throws
 * `input/not-found` where the package is not there.
 */
export function programLayer(scope: Construct, id: string, architecture: Architecture): LayerVersion {
  const platform = platformOf(architecture);
  const folder = folderOf(platform);
  return new LayerVersion(scope, id, {
    description: `etcd-lifeboat: programs for nodes of ${architecture}`,
    code: Code.fromAsset(folder, {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        // Never fetched, since files can be copied without it.
        image: DockerImage.fromRegistry("not-used"),
        local: {
          tryBundle(output) {
            // https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-path
            cpSync(folder, join(output, "nodejs/node_modules", nameOf(platform)), {
              recursive: true,
              filter: (source) => !LEFT_OUT.has(source.split("/").at(-1) ?? ""),
            });
            return true;
          },
        },
      },
    }),
  });
}

/** One program of that package. Throws `input/not-found`. */
export function packagedProgram(name: string, architecture: Architecture): string {
  return join(folderOf(platformOf(architecture)), "bin", name);
}

function platformOf(architecture: Architecture): string {
  return `linux-${architecture === "amd64" ? "x64" : architecture}`;
}

function nameOf(platform: string): string {
  return `@etcd-lifeboat/tools-${platform}`;
}

/** The package beside this one, else what a checkout made. */
function folderOf(platform: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${nameOf(platform)}/package.json`));
  } catch {
    const made = fileURLToPath(new URL(`../../tools/.cache/programs/${platform}`, import.meta.url));
    if (existsSync(join(made, "package.json"))) return made;
    throw new LifeboatError("input/not-found", `the programs for nodes of ${platform} are not here`, {
      hint: `in a checkout: npm run pack:programs -- ${platform}; elsewhere install the package ${nameOf(platform)} beside etcd-lifeboat (npm install --force takes one for another machine); or take another architecture in service.desk.architectures and service.drill.architecture`,
    });
  }
}
