import { Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Audit } from "./constructs/audit.ts";
import type { Notifications } from "./constructs/notifications.ts";
import type { ISnapshotVault } from "./constructs/vault.ts";
import type { Deployment } from "./deployment.ts";
import { auditProps } from "./props.ts";

export interface AuditStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
  /** Where snapshots are: the bucket that the file names. */
  readonly vault: ISnapshotVault;
  /** Where people are told: the stack of the service tells the same. */
  readonly notifications: Notifications;
}

/** What looks at all that is stored, and tells: it can be deleted and deployed anew at any time. */
export class AuditStack extends Stack {
  /** The audit. */
  readonly audit: Audit;

  constructor(scope: Construct, id: string, { deployment, vault, notifications, ...props }: AuditStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: audits what is stored, and writes the report",
      env: { region: deployment.store.region },
      ...props,
    });
    this.audit = new Audit(this, "Audit", { ...auditProps(this, deployment), vault, notifications });
  }
}
