import { Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Drills } from "./constructs/drills.ts";
import type { Notifications } from "./constructs/notifications.ts";
import type { ISnapshotVault } from "./constructs/vault.ts";
import type { DeployedDrill, Deployment } from "./deployment.ts";
import { drillsProps, networkPlacement } from "./props.ts";

export interface DrillStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
  /** What it says of drills: `deployment.drill`. */
  readonly drill: DeployedDrill;
  /** Where snapshots are: the bucket and the keys that the file names. */
  readonly vault: ISnapshotVault;
  /** Where people are told: the stack of the service tells the same. */
  readonly notifications: Notifications;
}

/** What rehearses restores, where `service.drill` asks for it: apart from what backs up, since plaintext lies on its disk meanwhile, and Docker builds it. */
export class DrillStack extends Stack {
  /** What drills. */
  readonly drills: Drills;

  constructor(scope: Construct, id: string, { deployment, drill, vault, notifications, ...props }: DrillStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: rehearses restores",
      env: { region: deployment.store.region },
      ...props,
    });
    this.drills = new Drills(this, "Drills", {
      ...drillsProps(deployment, drill),
      vault,
      notifications,
      network: drill.hasTask ? networkPlacement(this, deployment) : undefined,
    });
  }
}
