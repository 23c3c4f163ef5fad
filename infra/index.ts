/** `etcd-lifeboat/infra`: the constructs of the service, for a CDK app of one's own. */
export { readDeployment } from "./deployment.ts";
export type { DeployedCluster, Deployment } from "./deployment.ts";
export { ClusterBackup } from "./constructs/cluster-backup.ts";
export type { ClusterBackupProps } from "./constructs/cluster-backup.ts";
export { Network } from "./constructs/network.ts";
export type { NetworkProps } from "./constructs/network.ts";
export { Notices } from "./constructs/notices.ts";
export { SnapshotVault } from "./constructs/snapshot-vault.ts";
export type { SnapshotVaultProps } from "./constructs/snapshot-vault.ts";
export { TaskHost } from "./constructs/task-host.ts";
export type { TaskHostProps } from "./constructs/task-host.ts";
export { ServiceStack } from "./service-stack.ts";
export type { ServiceStackProps } from "./service-stack.ts";
export { VaultStack } from "./vault-stack.ts";
export type { VaultStackProps } from "./vault-stack.ts";
