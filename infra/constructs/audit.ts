import { Duration } from "aws-cdk-lib";
import { ComparisonOperator, Stats, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { AuditEvent } from "../../shared/contract/events.ts";
import { METRICS } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";
import { HEADINGS } from "../runbook.ts";
import type { Heading } from "../runbook.ts";
import { AUDIT_SIZES } from "../sizes.ts";
import { addAlarm } from "./alarm.ts";
import { auditAlarmNames } from "./audit-names.ts";
import { BackupFunction } from "./backup-function.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { Notifications } from "./notifications.ts";
import { auditRole } from "./roles.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import type { ISnapshotVault, Replica } from "./vault.ts";

export interface AuditProps {
  /** The configuration that the function carries (`readDeployment`): its clusters are held against it. */
  readonly configuration: Configuration;
  /** The vault that it looks at, and that takes the page of the report. */
  readonly vault: ISnapshotVault;
  /** Where people are told. */
  readonly notifications: Notifications;
  /**
   * The replicas that the configuration names.
   *
   * @default none
   */
  readonly replicas?: readonly Replica[];
  /**
   * Begins the names of function, log and alarms.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * Whether it serves a fleet (`BackupFleet`): its clusters are then those that the store lists.
   *
   * @default false
   */
  readonly fleet?: boolean;
  /**
   * The address where docs/runbook.md is published: alarms link to its headings.
   *
   * @default its path
   */
  readonly runbook?: string | undefined;
  /**
   * How long logs are kept.
   *
   * @default 90 days
   */
  readonly logRetention?: RetentionDays;
}

const HOUR_MS = 3_600_000;
/** It runs each hour: in this time at least once, also where one start is late. */
const TWO_HOURS = Duration.hours(2);

/**
 * Holds what is stored against the configuration each hour, for all clusters of a service, and writes the page that `lifeboat report --open` shows into the vault. In a role that reads metadata, opens and signs nothing, and puts nothing but that page.
 */
export class Audit extends Construct {
  /** Names of its alarms, for a dashboard. */
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: AuditProps) {
    super(scope, id);
    const { configuration, vault, notifications, replicas = [], serviceName = "lifeboat", runbook, fleet = false } = props;
    const logRetention = props.logRetention ?? RetentionDays.THREE_MONTHS;
    // The page is of all clusters: it reads what is said of each, and of none what is in it.
    const clusters = fleet ? ["*"] : configuration.clusters;
    const { function: made } = new BackupFunction(this, "Audit", {
      context: { serviceName, configuration, notifications, runbook, logRetention },
      name: "audit",
      cluster: undefined,
      sizes: AUDIT_SIZES,
      role: auditRole(this, "Role", { clusters, vault, replicas, readsLists: fleet, service: "lambda.amazonaws.com" }),
      network: undefined,
      ...(fleet ? { fleet: {} } : {}),
    });
    // Each failure is told once, and the next look comes by itself.
    new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
    const input: AuditEvent = {};
    new ScheduledStart(this, "Hourly", {
      description: `etcd-lifeboat: audit of ${serviceName}`,
      schedule: { expression: "rate(1 hour)", timeZone: "UTC", longestGapMs: HOUR_MS },
      flexibleMinutes: 0,
      target: { arn: made.functionArn, action: "lambda:InvokeFunction", input },
      notifications,
    });
    const names = auditAlarmNames(serviceName);
    this.alarmNames = Object.values(names);
    const common = {
      runbook,
      notifications,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      tellsOfRecovery: true,
    };
    // As Lambda counts it: whoever writes metrics into a log cannot take away what AWS counts.
    addAlarm(this, "Errors", {
      ...common,
      alarmName: names.errors,
      what: "the audit failed or did not run, and the page of the report is an old one",
      heading: HEADINGS.auditFailed,
      metric: made.metricErrors({ statistic: Stats.SUM, period: TWO_HOURS }),
      treatMissingData: TreatMissingData.BREACHING,
    });
    const counted = (alarmId: string, alarmName: string, metric: string, heading: Heading, what: string): void => {
      addAlarm(this, alarmId, {
        ...common,
        alarmName,
        what: `${what}; the page of lifeboat report --open says of which cluster`,
        heading,
        // The greatest: a zero from elsewhere hides nothing.
        metric: lifeboatMetric(serviceName, undefined, metric, Stats.MAXIMUM, TWO_HOURS),
        // Where nobody looks, the alarm above is loud.
        treatMissingData: TreatMissingData.IGNORE,
      });
    };
    counted("Findings", names.findings, METRICS.auditErrors, HEADINGS.auditFound, "a promise about what is stored does not hold");
    counted("NotReady", names.notReady, METRICS.notReady, HEADINGS.notReady, "a cluster could not be brought back now");
    counted(
      "Drills",
      names.drills,
      METRICS.drillOverdue,
      HEADINGS.drillOverdue,
      "no restore was rehearsed for longer than drill.every allows",
    );
  }
}
