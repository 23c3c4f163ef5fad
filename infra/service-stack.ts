import { Stack, Validations } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { LifeboatError } from "../shared/errors.ts";
import { auditAlarmNames } from "./constructs/audit-names.ts";
import { ClusterBackup } from "./constructs/cluster-backup.ts";
import { deskAlarmNames } from "./constructs/desk-names.ts";
import { drillAlarmNames } from "./constructs/drill-names.ts";
import { keeperAlarmNames, maintenanceAlarmName } from "./constructs/keeper-names.ts";
import { Notifications } from "./constructs/notifications.ts";
import { ServiceDashboard } from "./constructs/service-dashboard.ts";
import { ServiceEndpoints } from "./constructs/service-endpoints.ts";
import { TaskHost } from "./constructs/task-host.ts";
import { UndeliveredAlarm } from "./constructs/undelivered-alarm.ts";
import type { ISnapshotVault } from "./constructs/vault.ts";
import type { Deployment } from "./deployment.ts";
import { clusterBackupProps, kopiaRepository, networkPlacement } from "./props.ts";

export interface ServiceStackProps extends StackProps {
  /** lifeboat.yaml, as `readDeployment` reads it. */
  readonly deployment: Deployment;
  /** Where snapshots go: the bucket and the keys that the file names. */
  readonly vault: ISnapshotVault;
}

/** A stack holds 500 resources; a cluster has up to 47 (a task, replicas), and some 20 are there for all. */
const MAX_CLUSTERS_PER_STACK = 10;

/** What runs: for each cluster its functions, state machine, schedule and alarms, with one topic, queue and dashboard for all. It can be deleted and deployed anew. */
export class ServiceStack extends Stack {
  /** Where people are told: the stack of the keeper tells the same. */
  readonly notifications: Notifications;

  constructor(scope: Construct, id: string, { deployment, vault, ...props }: ServiceStackProps) {
    super(scope, id, { description: "etcd-lifeboat: backs etcd up on a schedule", env: { region: deployment.store.region }, ...props });
    const { service, clusters } = deployment;
    if (clusters.length > MAX_CLUSTERS_PER_STACK) {
      throw new LifeboatError(
        "config/invalid",
        `${deployment.loaded.file} has ${clusters.length} clusters, and a stack has room for ${MAX_CLUSTERS_PER_STACK}`,
        {
          hint: "put the others into a second file with a service.name of its own, that names all keys of this vault by their ARNs, that of the bucket too (store.sse.kmsKey), and deploy its service stack alone",
        },
      );
    }
    warnOfWhatIsMissing(this, deployment);
    const notifications = new Notifications(this, "Notices", { emails: service.notify });
    this.notifications = notifications;
    const hasTasks = clusters.some(({ plan }) => plan.sizes.kind === "task");
    const network = networkPlacement(this, deployment);
    if (network !== undefined && service.network?.nat === false)
      new ServiceEndpoints(this, "Network", {
        network,
        routeTableIds: service.network.routeTables,
        secretServices: clusters.flatMap(({ secrets, verifySecrets }) => [...secrets, ...verifySecrets].map((each) => each.service)),
        hasTasks,
      });
    const tasks =
      hasTasks && network !== undefined ? new TaskHost(this, "Tasks", { configuration: deployment.configuration, network }) : undefined;
    const shared = { vault, notifications, network, tasks, kopia: kopiaRepository(this, deployment) };
    const backups = clusters.map(({ name }) => new ClusterBackup(this, name, { ...clusterBackupProps(this, deployment, name), ...shared }));
    const undelivered = new UndeliveredAlarm(this, "Undelivered", {
      notifications,
      serviceName: service.name,
      runbook: service.runbook,
    });
    const names = clusters.map(({ name }) => name);
    const hasDesk = service.desk.enabled;
    new ServiceDashboard(this, "Dashboard", {
      serviceName: service.name,
      clusters: names,
      hasDesk,
      alarmNames: [
        undelivered.alarmName,
        ...backups.flatMap(({ alarmNames }) => alarmNames),
        ...keeperAlarmNames(service.name, names),
        ...(deployment.kopia === undefined ? [] : [maintenanceAlarmName(service.name)]),
        ...Object.values(auditAlarmNames(service.name)),
        ...(deployment.drill === undefined ? [] : drillAlarmNames(service.name, deployment.drill.hasFunction)),
        ...(hasDesk ? deskAlarmNames(service.name, names) : []),
      ],
      runbook: service.runbook,
    });
  }
}

/** What a first deployment lacks and a later one should not. */
export function warnOfWhatIsMissing(stack: Stack, { loaded, service }: Deployment): void {
  const { trustedKeys, breakGlass } = loaded.config;
  const warnings = Validations.of(stack);
  if (trustedKeys.snapshot.length === 0 || trustedKeys.audit.length === 0)
    warnings.addWarning(
      "lifeboat:trustedKeys",
      "trustedKeys has no fingerprints yet, and every run will fail: deploy the vault, then put in what lifeboat keys prints",
    );
  if (breakGlass.length === 0)
    warnings.addWarning(
      "lifeboat:breakGlass",
      "breakGlass is empty: without the wrapping key no snapshot could be opened; make an identity with age-keygen, keep it offline, and list its recipient",
    );
  if (service.notify.length === 0)
    warnings.addWarning(
      "lifeboat:notify",
      "service.notify is empty: nobody hears of alarms and failures, unless something else subscribes to the topic; name an address",
    );
}
