import { Cluster, ContainerImage, ContainerInsights } from "aws-cdk-lib/aws-ecs";
import { DockerImageAsset, Platform } from "aws-cdk-lib/aws-ecr-assets";
import { Construct } from "constructs";
import { ENVIRONMENT, CONFIG_FILE } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";
import { imageFolder } from "./function-code.ts";
import type { NetworkPlacement } from "./network.ts";

/** Node 24, which runs the functions too, and the code of both; it copies files only, so it is built for arm64 on any machine. */
const DOCKERFILE = `FROM node:24-bookworm-slim
WORKDIR /app
COPY . .
ENV NODE_ENV=production ${ENVIRONMENT.config}=${CONFIG_FILE}
USER node
CMD ["node", "index.mjs"]
`;

export interface TaskHostProps {
  /** The configuration that the tasks carry. */
  readonly configuration: Configuration;
  /** Where the tasks run. */
  readonly network: NetworkPlacement;
}

/** Where tasks run for the clusters whose backup does not fit into the 15 minutes of a function. */
export class TaskHost extends Construct {
  /** The ECS cluster, which runs tasks of Fargate. */
  readonly cluster: Cluster;
  /** The code of the functions; Docker builds it when the app is deployed. */
  readonly image: ContainerImage;
  /** Where the tasks run. */
  readonly network: NetworkPlacement;

  constructor(scope: Construct, id: string, { configuration, network }: TaskHostProps) {
    super(scope, id);
    this.network = network;
    this.cluster = new Cluster(this, "Cluster", { vpc: network.vpc, containerInsightsV2: ContainerInsights.ENABLED });
    this.image = ContainerImage.fromDockerImageAsset(
      new DockerImageAsset(this, "Image", {
        directory: imageFolder(this, "Folder", { name: "task", configuration, dockerfile: DOCKERFILE }),
        platform: Platform.LINUX_ARM64,
      }),
    );
  }
}
