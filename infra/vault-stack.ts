import { Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { SnapshotVault } from "./constructs/snapshot-vault.ts";
import type { Deployment } from "./deployment.ts";
import { snapshotVaultProps } from "./props.ts";

export interface VaultStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
}

/** What is to outlive everything else: bucket and keys, in a stack that nobody deletes by accident. */
export class VaultStack extends Stack {
  /** The vault, for the stack of the service. */
  readonly vault: SnapshotVault;

  constructor(scope: Construct, id: string, { deployment, ...props }: VaultStackProps) {
    super(scope, id, {
      description: "etcd-lifeboat: the bucket and the keys of stored snapshots",
      env: { region: deployment.store.region },
      ...props,
      terminationProtection: true,
    });
    this.vault = new SnapshotVault(this, "Vault", snapshotVaultProps(this, deployment));
  }
}
