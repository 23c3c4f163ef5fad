import { Duration, Stack } from "aws-cdk-lib";
import type { StackProps } from "aws-cdk-lib";
import { ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { Construct } from "constructs";
import { addAlarm } from "./constructs/alarm.ts";
import { ClusterBackup } from "./constructs/cluster-backup.ts";
import { Network } from "./constructs/network.ts";
import { Notices } from "./constructs/notices.ts";
import { ServiceDashboard } from "./constructs/service-dashboard.ts";
import type { SnapshotVault } from "./constructs/snapshot-vault.ts";
import type { Deployment } from "./deployment.ts";
import { HEADINGS } from "./runbook.ts";

export interface ServiceStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly vault: SnapshotVault;
}

/** What runs: for each cluster its functions, state machine, schedule and alarms, with one topic, queue and dashboard for all. It can be deleted and deployed anew. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, vault, ...props }: ServiceStackProps) {
    super(scope, id, { description: "etcd-lifeboat: backs etcd up on a schedule", env: { region: deployment.store.region }, ...props });
    const { service, clusters } = deployment;
    const notices = new Notices(this, "Notices", deployment);
    const network =
      service.network === undefined
        ? undefined
        : new Network(this, "Network", {
            settings: service.network,
            secrets: new Set(clusters.flatMap(({ secrets }) => secrets.map((each) => each.service))),
            hasTasks: clusters.some(({ sizes }) => sizes.kind === "task"),
          });
    for (const { name } of clusters) new ClusterBackup(this, name, { deployment, cluster: name, vault, notices, network });
    addAlarm(this, "Undelivered", {
      alarmName: `${service.name}-undelivered`,
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
    new ServiceDashboard(this, "Dashboard", deployment);
  }
}
