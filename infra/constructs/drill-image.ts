import { copyFileSync, chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Architecture as LambdaArchitecture, Code } from "aws-cdk-lib/aws-lambda";
import type { FunctionProps } from "aws-cdk-lib/aws-lambda";
import { ContainerImage, CpuArchitecture } from "aws-cdk-lib/aws-ecs";
import { DockerImageAsset, Platform } from "aws-cdk-lib/aws-ecr-assets";
import { Construct } from "constructs";
import type { Architecture, ToolsMinor } from "../../shared/bundle/plan.ts";
import { CONFIG_FILE, ENVIRONMENT } from "../../shared/contract/service.ts";
import type { Configuration, KopiaProgram } from "../deployment.ts";
import { imageFolder } from "./function-code.ts";
import { requireProgram } from "./program-file.ts";
import { packagedProgram } from "./program-layer.ts";

/** etcd of one minor. */
export interface EtcdProgram extends KopiaProgram {
  /** `3.6`; that of 3.5 serves for 3.4 too. */
  readonly minor: ToolsMinor;
}

export interface DrillImageProps {
  readonly configuration: Configuration;
  readonly etcd: readonly EtcdProgram[];
  readonly architecture: Architecture;
}

const [PROGRAMS, CODE] = ["programs", "code"];
/** Where the code is in the image. Variables name files below it in full: in an image LAMBDA_TASK_ROOT, by which other functions find theirs, is no folder of ours. */
const HOME = "/app";

/**
 * Debian with Node, bash, openssl and tar: all that restore.sh needs. (The slim one has no openssl, and Lambda's own images have neither openssl nor tar.) Files are only copied, so it is built for another machine without emulating one. etcd comes first, as a layer of its own: the
 * code changes with each configuration, and these 25 MB for each minor do not.
 */
const DOCKERFILE = `FROM node:24-bookworm
COPY ${PROGRAMS}/ /opt/lifeboat/
WORKDIR ${HOME}
COPY ${CODE}/ .
ENV NODE_ENV=production ${ENVIRONMENT.config}=${HOME}/${CONFIG_FILE} PATH=/opt/lifeboat:/usr/local/bin:/usr/bin:/bin
USER node
CMD ["node", "index.mjs"]
`;

const MACHINES = {
  amd64: { platform: Platform.LINUX_AMD64, lambda: LambdaArchitecture.X86_64, task: CpuArchitecture.X86_64 },
  arm64: { platform: Platform.LINUX_ARM64, lambda: LambdaArchitecture.ARM_64, task: CpuArchitecture.ARM64 },
} as const;

/** What rehearses restores, with a real etcd, as an image: of a function, and of a task of Fargate. */
export class DrillImage extends Construct {
  /** Of the function. */
  readonly lambda: Pick<FunctionProps, "code" | "architecture">;
  /** Of a task. */
  readonly container: ContainerImage;
  readonly cpuArchitecture: CpuArchitecture;

  constructor(scope: Construct, id: string, { configuration, etcd, architecture }: DrillImageProps) {
    super(scope, id);
    for (const program of etcd)
      requireProgram(program, { name: `etcd ${program.minor}`, setting: `service.drill.etcd.${program.minor}`, architecture });
    const decoder = packagedProgram("kube-decode", architecture);
    const { platform, lambda, task } = MACHINES[architecture];
    const asset = new DockerImageAsset(this, "Image", {
      directory: imageFolder(this, "Folder", {
        name: "drill-image",
        configuration,
        dockerfile: DOCKERFILE,
        codeIn: CODE,
        addTo: (folder) => {
          const programs = join(folder, PROGRAMS);
          for (const made of [programs, ...etcd.map(({ minor }) => join(programs, `etcd-${minor}`))]) mkdirSync(made);
          for (const { minor, path } of etcd) copyProgram(path, join(programs, `etcd-${minor}`, "etcd"));
          copyProgram(decoder, join(programs, "kube-decode"));
        },
      }),
      platform,
    });
    this.lambda = { code: Code.fromEcrImage(asset.repository, { tagOrDigest: asset.imageTag }), architecture: lambda };
    this.container = ContainerImage.fromDockerImageAsset(asset);
    this.cpuArchitecture = task;
  }
}

function copyProgram(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}
