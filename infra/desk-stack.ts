import { Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Desk } from "./constructs/desk.ts";
import type { Notifications } from "./constructs/notifications.ts";
import type { ISnapshotVault } from "./constructs/vault.ts";
import type { Deployment } from "./deployment.ts";
import { deskProps } from "./props.ts";

export interface DeskStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
  /** Where snapshots are: the bucket and the keys that the file names. */
  readonly vault: ISnapshotVault;
  /** Where people are told: the stack of the service tells the same. */
  readonly notifications: Notifications;
}

/** What makes restore bundles, where `service.desk.enabled` says so: apart from what backs up, so that other people may deploy it, and take it away at once. */
export class DeskStack extends Stack {
  /** The desk. */
  readonly desk: Desk;

  constructor(scope: Construct, id: string, { deployment, vault, notifications, ...props }: DeskStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: makes restore bundles",
      env: { region: deployment.store.region },
      ...props,
    });
    this.desk = new Desk(this, "Desk", { ...deskProps(deployment), vault, notifications });
  }
}
