import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { AccountPrincipal } from "aws-cdk-lib/aws-iam";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { KeeperEvent } from "../../shared/contract/events.ts";
import { keeperName, METRICS } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";
import { HEADINGS } from "../runbook.ts";
import { KEEPER_SIZES, withKopia } from "../sizes.ts";
import { addAlarm, ONCE } from "./alarm.ts";
import { BackupFunction } from "./backup-function.ts";
import { keeperAlarmNames, refusedAlarmName } from "./keeper-names.ts";
import { keeperRole } from "./keeper-role.ts";
import type { KopiaRepository } from "./kopia-access.ts";
import { KopiaMaintenance } from "./kopia-maintenance.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { Notifications } from "./notifications.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import { allowToAssume, runnerRole } from "./session-tag.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface KeeperProps {
  /** The configuration that the function carries (`readDeployment`). Its clusters are those whose snapshots it may remove. */
  readonly configuration: Configuration;
  /** The vault that it removes from. */
  readonly vault: ISnapshotVault;
  /** Where people are told. */
  readonly notifications: Notifications;
  /**
   * Begins the name of its function and its role (`SERVICE-keeper`), and those of its logs and alarms. It must be that of the service whose orders it follows.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * How long, in days, what is kept may be locked by it: `store.lock.keptDays` of the configuration.
   *
   * @default it renews no lock
   */
  readonly keptDays?: number | undefined;
  /**
   * Whether the bucket has versions, as that of `SnapshotVault` has.
   *
   * @default true
   */
  readonly versioned?: boolean;
  /**
   * The Kopia repository that holds the data, of which it removes snapshots. A function of its own runs the repository's maintenance each day.
   *
   * @default data are objects of the vault
   */
  readonly kopia?: KopiaRepository | undefined;
  /**
   * Accounts whose roles may call it, besides its own: that of the service, where this is another one.
   *
   * @default none
   */
  readonly callers?: readonly string[];
  /**
   * Whether it serves a fleet (`BackupFleet`): its clusters are then those that the store lists, and it does its work for one of them in a role that it assumes for it.
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

const FIVE_MINUTES = Duration.minutes(5);
const DAY_MS = 86_400_000;

/**
 * Removes what the role of the verification ordered to go: one function for all clusters of a service, in a role that holds no key, decrypts nothing but documents and puts nothing. The state machines call it where an order stands. A daily schedule of its own
 * calls it besides, so that locks are renewed and unfinished uploads go also while no backup runs; of a fleet that is one of `BackupFleet`.
 */
export class Keeper extends Construct {
  /** The function, which is called `SERVICE-keeper`. */
  readonly function: LambdaFunction;
  /** Names of its alarms, for a dashboard. */
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: KeeperProps) {
    super(scope, id);
    const {
      configuration,
      vault,
      notifications,
      serviceName = "lifeboat",
      keptDays,
      versioned = true,
      callers = [],
      runbook,
      kopia,
      fleet = false,
    } = props;
    const clusters = fleet ? [] : configuration.clusters;
    const name = keeperName(serviceName);
    const runner = fleet ? runnerRole(this, "Runner") : undefined;
    const role = keeperRole(this, "Role", { roleName: name, vault, clusters, runner, keptDays, versioned, kopia });
    if (runner !== undefined) allowToAssume(this, "Assumes", runner, role);
    const logRetention = props.logRetention ?? RetentionDays.THREE_MONTHS;
    const context = { serviceName, configuration, notifications, runbook, logRetention };
    const { function: made } = new BackupFunction(this, "Keeper", {
      context,
      name: "keeper",
      cluster: undefined,
      functionName: name,
      sizes: kopia === undefined ? KEEPER_SIZES : withKopia(KEEPER_SIZES),
      role: runner ?? role,
      network: undefined,
      ...(fleet ? { fleet: { assumes: role } } : {}),
      ...(kopia === undefined ? {} : { layers: [kopia.layer] }),
    });
    this.function = made;
    // Which role of these accounts may call it is for IAM there to say; it removes nothing without an order, whoever calls.
    for (const account of callers) made.addPermission(`Caller${account}`, { principal: new AccountPrincipal(account) });
    // Each failure is told once; an order that stands is followed by the next run.
    new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
    for (const cluster of clusters) {
      const input: KeeperEvent = { cluster };
      new ScheduledStart(this, `${cluster}Daily`, {
        description: `etcd-lifeboat: keeper of ${cluster}`,
        schedule: { expression: "rate(1 day)", timeZone: "UTC", longestGapMs: DAY_MS },
        flexibleMinutes: 60,
        target: { arn: made.functionArn, action: "lambda:InvokeFunction", input },
        notifications,
      });
      addAlarm(this, `${cluster}Refused`, {
        ...ONCE,
        alarmName: refusedAlarmName(serviceName, cluster),
        what: `${cluster}: the keeper refused to remove what was ordered, or did not believe the order`,
        heading: HEADINGS.refused,
        runbook,
        notifications,
        metric: lifeboatMetric(serviceName, cluster, METRICS.removalRefused, Stats.SUM, FIVE_MINUTES),
      });
    }
    if (fleet)
      addAlarm(this, "Refused", {
        ...ONCE,
        alarmName: `${name}-refused`,
        what: "the keeper refused to remove what was ordered, or did not believe the order; its log says of which cluster",
        heading: HEADINGS.refused,
        runbook,
        notifications,
        metric: lifeboatMetric(serviceName, undefined, METRICS.removalRefused, Stats.SUM, FIVE_MINUTES),
      });
    const maintenance = kopia === undefined ? undefined : new KopiaMaintenance(this, "Maintenance", { context, vault, kopia });
    this.alarmNames = [
      ...keeperAlarmNames(serviceName, clusters),
      ...(fleet ? [`${name}-refused`] : []),
      ...(maintenance === undefined ? [] : [maintenance.alarmName]),
    ];
    const [errors = ""] = this.alarmNames;
    // As Lambda counts it: a function that was killed writes no metric of its own.
    addAlarm(this, "Errors", {
      ...ONCE,
      alarmName: errors,
      what: "the keeper failed: what was ordered is still there, and locks were not renewed",
      heading: HEADINGS.keeper,
      runbook,
      notifications,
      metric: made.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    });
  }
}
