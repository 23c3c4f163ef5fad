/** `etcd-lifeboat/infra`: the constructs of the service, for a CDK app of one's own. docs/api-infra.md is generated from what stands here. */

// lifeboat.yaml, and what becomes of it.
export { readDeployment } from "./deployment.ts";
export type {
  Configuration,
  DeployedCluster,
  DeployedDrill,
  DeployedKopia,
  DeployedReplica,
  Deployment,
  DeploymentOptions,
  KopiaProgram,
} from "./deployment.ts";
export {
  auditProps,
  backupFleetProps,
  clusterBackupProps,
  deskProps,
  drillsProps,
  keeperProps,
  kopiaRepository,
  networkPlacement,
  snapshotVaultProps,
} from "./props.ts";

// The vault, which is kept.
export { SnapshotVault } from "./constructs/snapshot-vault.ts";
export type { SnapshotVaultProps } from "./constructs/snapshot-vault.ts";
export type { KeyOrAlias } from "./constructs/vault-keys.ts";
export type { ISnapshotVault, Replica, SigningKeys, SnapshotVaultAttributes } from "./constructs/vault.ts";

// The service, which runs.
export { ClusterBackup } from "./constructs/cluster-backup.ts";
export type { BackupTimes, ClusterBackupProps } from "./constructs/cluster-backup.ts";
export { BackupFleet } from "./constructs/backup-fleet.ts";
export type { BackupFleetProps } from "./constructs/backup-fleet.ts";
export { Notifications } from "./constructs/notifications.ts";
export type { NotificationsProps } from "./constructs/notifications.ts";
export type { NetworkPlacement } from "./constructs/network.ts";
export { ServiceEndpoints } from "./constructs/service-endpoints.ts";
export type { SecretService, ServiceEndpointsProps } from "./constructs/service-endpoints.ts";
export { TaskHost } from "./constructs/task-host.ts";
export type { TaskHostProps } from "./constructs/task-host.ts";
export { UndeliveredAlarm } from "./constructs/undelivered-alarm.ts";
export type { UndeliveredAlarmProps } from "./constructs/undelivered-alarm.ts";
export { ServiceDashboard } from "./constructs/service-dashboard.ts";
export type { ServiceDashboardProps } from "./constructs/service-dashboard.ts";

// A Kopia repository for the data.
export type { KopiaRepository } from "./constructs/kopia-access.ts";

// What removes what retention no longer keeps.
export { Keeper } from "./constructs/keeper.ts";
export type { KeeperProps } from "./constructs/keeper.ts";

// What makes restore bundles.
export { Desk } from "./constructs/desk.ts";
export type { DeskProps } from "./constructs/desk.ts";

// What looks at all that is stored, and writes the report.
export { Audit } from "./constructs/audit.ts";
export type { AuditProps } from "./constructs/audit.ts";

// What rehearses restores.
export { Drills } from "./constructs/drills.ts";
export type { DrillsProps } from "./constructs/drills.ts";
export type { EtcdProgram } from "./constructs/drill-image.ts";

// All of it as stacks, as `npm run deploy` deploys them.
export { VaultStack } from "./vault-stack.ts";
export type { VaultStackProps } from "./vault-stack.ts";
export { ServiceStack } from "./service-stack.ts";
export type { ServiceStackProps } from "./service-stack.ts";
export { FleetStack } from "./fleet-stack.ts";
export { KeeperStack } from "./keeper-stack.ts";
export type { KeeperStackProps } from "./keeper-stack.ts";
export { DeskStack } from "./desk-stack.ts";
export type { DeskStackProps } from "./desk-stack.ts";
export { DrillStack } from "./drill-stack.ts";
export type { DrillStackProps } from "./drill-stack.ts";
export { AuditStack } from "./audit-stack.ts";
export type { AuditStackProps } from "./audit-stack.ts";
