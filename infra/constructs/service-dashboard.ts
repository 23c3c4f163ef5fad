import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  PeriodOverride,
  SingleValueWidget,
  Stats,
  TextWidget,
} from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { METRICS } from "../../shared/contract/service.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";

const WIDTH = 24;
/** What one widget of CloudWatch shows. */
const ALARMS_IN_A_WIDGET = 100;

export interface ServiceDashboardProps {
  /** Begins the name of the dashboard: `SERVICE-backups`. */
  readonly serviceName: string;
  /** Names of the clusters; none for a fleet, of which sums over all are shown. */
  readonly clusters: readonly string[];
  /** Names of the alarms whose state it shows. */
  readonly alarmNames: readonly string[];
  /**
   * Whether there is a `Desk`: how many restore bundles it made is then shown.
   *
   * @default false
   */
  readonly hasDesk?: boolean;
  /**
   * Where docs/runbook.md is published.
   *
   * @default its path
   */
  readonly runbook?: string | undefined;
}

/** All clusters at a glance: what was committed, proven and verified in a day, what failed, and how large and slow it is. */
export class ServiceDashboard extends Construct {
  constructor(scope: Construct, id: string, { serviceName, clusters, alarmNames, hasDesk = false, runbook }: ServiceDashboardProps) {
    super(scope, id);
    const dashboard = new Dashboard(this, "Dashboard", {
      dashboardName: `${serviceName}-backups`,
      defaultInterval: Duration.days(3),
      periodOverride: PeriodOverride.INHERIT,
    });
    const shown = clusters.length === 0 ? [undefined] : clusters;
    const graph = (title: string, metric: string, statistic: string): GraphWidget =>
      new GraphWidget({
        title,
        width: WIDTH / 3,
        left: shown.map((name) => lifeboatMetric(serviceName, name, metric, statistic, Duration.hours(1), name)),
      });
    const day = (title: string, metric: string): SingleValueWidget =>
      new SingleValueWidget({
        title,
        width: WIDTH / 3,
        setPeriodToTimeRange: false,
        metrics: shown.map((name) => lifeboatMetric(serviceName, name, metric, Stats.SUM, Duration.days(1), name)),
      });
    dashboard.addWidgets(
      new TextWidget({
        width: WIDTH,
        height: 2,
        markdown: `# etcd backups\nAlarms begin with \`${serviceName}-\`; what each means is in ${runbook ?? "docs/runbook.md"}`,
      }),
    );
    const alarms = alarmNames.map((name) => Alarm.fromAlarmName(this, name, name));
    for (let at = 0; at < alarms.length; at += ALARMS_IN_A_WIDGET)
      dashboard.addWidgets(new AlarmStatusWidget({ title: "alarms", width: WIDTH, alarms: alarms.slice(at, at + ALARMS_IN_A_WIDGET) }));
    dashboard.addWidgets(
      day("proven today", METRICS.backupProven),
      day("verified today", METRICS.verified),
      day("failed today", METRICS.backupFailed),
    );
    dashboard.addWidgets(
      graph("database", METRICS.databaseBytes, Stats.MAXIMUM),
      graph("stored", METRICS.storedBytes, Stats.MAXIMUM),
      graph("duration of a backup", METRICS.durationMs, Stats.MAXIMUM),
    );
    dashboard.addWidgets(
      graph("in the store, all versions", METRICS.vaultBytes, Stats.MAXIMUM),
      graph("removed", METRICS.removedBytes, Stats.SUM),
      day("snapshots removed today", METRICS.removed),
    );
    if (hasDesk) dashboard.addWidgets(day("restore bundles made today", METRICS.bundleMade));
  }
}
