import { Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Keeper } from "./constructs/keeper.ts";
import { Notifications } from "./constructs/notifications.ts";
import { UndeliveredAlarm } from "./constructs/undelivered-alarm.ts";
import type { ISnapshotVault } from "./constructs/vault.ts";
import type { Deployment } from "./deployment.ts";
import { keeperProps, kopiaRepository } from "./props.ts";

export interface KeeperStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
  /** Where snapshots are: the bucket that the file names. */
  readonly vault: ISnapshotVault;
  /**
   * Where people are told. In another account than the service's leave it out: an alarm tells no topic of another account.
   *
   * @default a topic and a queue of its own, with the addresses of `service.notify`
   */
  readonly notifications?: Notifications;
  /**
   * The account of the service, where this stack is in another one.
   *
   * @default the service is in this account
   */
  readonly callers?: readonly string[];
}

/** The only one that removes anything, apart from what backs up: it may lie in the account of the bucket, so that the cluster's own holds nothing that removes. */
export class KeeperStack extends Stack {
  /** The keeper. */
  readonly keeper: Keeper;

  constructor(scope: Construct, id: string, { deployment, vault, notifications, callers = [], ...props }: KeeperStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: removes what was ordered to go",
      env: { region: deployment.store.region },
      ...props,
    });
    const { name, notify, runbook } = deployment.service;
    const told = notifications ?? new Notifications(this, "Notices", { emails: notify });
    this.keeper = new Keeper(this, "Keeper", {
      ...keeperProps(deployment),
      vault,
      notifications: told,
      callers,
      kopia: kopiaRepository(this, deployment),
    });
    if (notifications === undefined)
      new UndeliveredAlarm(this, "Undelivered", { notifications: told, serviceName: `${name}-keeper`, runbook });
  }
}
