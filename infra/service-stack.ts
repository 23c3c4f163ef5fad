import { Duration, Stack, Validations } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import { ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { Construct } from "constructs";
import { LifeboatError } from "../shared/errors.ts";
import { addAlarm } from "./constructs/alarm.ts";
import { ClusterBackup } from "./constructs/cluster-backup.ts";
import { Network } from "./constructs/network.ts";
import { Notices } from "./constructs/notices.ts";
import { ServiceDashboard } from "./constructs/service-dashboard.ts";
import type { SnapshotVault } from "./constructs/snapshot-vault.ts";
import { TaskHost } from "./constructs/task-host.ts";
import type { Deployment } from "./deployment.ts";
import { HEADINGS } from "./runbook.ts";

export interface ServiceStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly vault: SnapshotVault;
}

/** A stack holds 500 resources; a cluster has up to 43 (a task, replicas), and some 20 are there for all. */
const MOST_CLUSTERS = 11;

/** What runs: for each cluster its functions, state machine, schedule and alarms, with one topic, queue and dashboard for all. It can be deleted and deployed anew. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, vault, ...props }: ServiceStackProps) {
    super(scope, id, { description: "etcd-lifeboat: backs etcd up on a schedule", env: { region: deployment.store.region }, ...props });
    const { service, clusters } = deployment;
    if (clusters.length > MOST_CLUSTERS) {
      throw new LifeboatError(
        "config/invalid",
        `${deployment.loaded.file} has ${clusters.length} clusters, and a stack has room for ${MOST_CLUSTERS}`,
        {
          hint: "put the others into a second file with a service.name of its own, that names all keys of this vault by their ARNs, that of the bucket too (store.sse.kmsKey), and deploy its service stack alone",
        },
      );
    }
    warnOfWhatIsMissing(this, deployment);
    const notices = new Notices(this, "Notices", deployment);
    const hasTasks = clusters.some(({ sizes }) => sizes.kind === "task");
    const network =
      service.network === undefined
        ? undefined
        : new Network(this, "Network", {
            settings: service.network,
            secrets: new Set(clusters.flatMap(({ secrets }) => secrets.map((each) => each.service))),
            hasTasks,
          });
    const tasks = hasTasks && network !== undefined ? new TaskHost(this, "Tasks", { deployment, network }) : undefined;
    const backups = clusters.map(
      ({ name }) => new ClusterBackup(this, name, { deployment, cluster: name, vault, notices, network, tasks }),
    );
    const undelivered = `${service.name}-undelivered`;
    addAlarm(this, "Undelivered", {
      alarmName: undelivered,
      what: "a start by schedule could not be delivered, and is in the queue",
      heading: HEADINGS.undelivered,
      service,
      notices,
      metric: notices.undelivered.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    new ServiceDashboard(this, "Dashboard", { deployment, alarmNames: [undelivered, ...backups.flatMap(({ alarmNames }) => alarmNames)] });
  }
}

/** What a first deployment lacks and a later one should not. */
function warnOfWhatIsMissing(stack: Stack, { loaded, service }: Deployment): void {
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
