import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { Role } from "aws-cdk-lib/aws-iam";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Architecture } from "../../shared/bundle/plan.ts";
import { LifeboatError } from "../../shared/errors.ts";
import type { DrillEvent } from "../../shared/contract/events.ts";
import { drillDeskName, drillName, METRICS } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";
import { HEADINGS } from "../runbook.ts";
import { DESK_SIZES, DRILL_SIZES, LARGEST_DRILL_IN_FUNCTION_BYTES } from "../sizes.ts";
import { addAlarm, ONCE } from "./alarm.ts";
import { BackupFunction } from "./backup-function.ts";
import { DrillImage } from "./drill-image.ts";
import type { EtcdProgram } from "./drill-image.ts";
import { drillAlarmNames } from "./drill-names.ts";
import { DrillTask } from "./drill-task.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { NetworkPlacement } from "./network.ts";
import type { Notifications } from "./notifications.ts";
import { programLayer } from "./program-layer.ts";
import { deskRole, drillRole } from "./roles.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import { allowToAssume, runnerRole } from "./session-tag.ts";
import { TAGGED_CLUSTER } from "./vault-access.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface DrillsProps {
  /** The configuration that the functions carry (`readDeployment`): it says how often each cluster is to be drilled. */
  readonly configuration: Configuration;
  /** The vault whose snapshots are restored, and that takes the evidence. */
  readonly vault: ISnapshotVault;
  /** Where people are told. */
  readonly notifications: Notifications;
  /** The clusters to drill, none of a fleet's, and how large their databases may become, in bytes: those above 4 GiB need `network`. */
  readonly clusters: readonly { readonly name: string; readonly databaseBytes: number }[];
  /** The server etcd for each minor that the clusters have. */
  readonly etcd: readonly EtcdProgram[];
  /**
   * Of the machines that drills run on, and of `etcd`.
   *
   * @default "arm64"
   */
  readonly architecture?: Architecture;
  /**
   * Where tasks of Fargate drill databases that do not fit a function. Nothing of a drill reaches etcd's endpoints: it needs S3, KMS, Lambda, ECR and CloudWatch Logs.
   *
   * @default functions only
   */
  readonly network?: NetworkPlacement | undefined;
  /**
   * Begins the names of functions, logs and alarms.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
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
const HOUR_MS = 3_600_000;

/**
 * Rehearses restores: one function for all clusters of a service, which each hour drills those that are due. Its role signs evidence and opens nothing; a second function, which it alone calls, makes the bundles of drills. The snapshot lies unencrypted on the function's disk
 * meanwhile.
 */
export class Drills extends Construct {
  /** Names of its alarms, for a dashboard. */
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: DrillsProps) {
    super(scope, id);
    const {
      configuration,
      vault,
      notifications,
      clusters,
      etcd,
      architecture = "arm64",
      network,
      serviceName = "lifeboat",
      runbook,
      fleet = false,
    } = props;
    const logRetention = props.logRetention ?? RetentionDays.THREE_MONTHS;
    const context = { serviceName, configuration, notifications, runbook, logRetention };
    const names = fleet ? [TAGGED_CLUSTER] : clusters.map(({ name }) => name);
    const deskRunner = fleet ? runnerRole(this, "DeskRunner") : undefined;
    const deskRights = deskRole(this, "DeskRole", {
      vault,
      clusters: names,
      service: deskRunner ?? "lambda.amazonaws.com",
      opensIntakes: false,
    });
    if (deskRunner !== undefined) allowToAssume(this, "DeskAssumes", deskRunner, deskRights);
    const { function: desk } = new BackupFunction(this, "Desk", {
      context,
      name: "drill-desk",
      cluster: undefined,
      functionName: drillDeskName(serviceName),
      sizes: DESK_SIZES,
      role: deskRunner ?? deskRights,
      ...(fleet ? { fleet: { assumes: deskRights } } : {}),
      network: undefined,
      layers: [programLayer(this, `Programs-${architecture}`, architecture)],
    });
    const image = new DrillImage(this, "Image", { configuration, etcd, architecture });
    const small = clusters.filter(({ databaseBytes }) => databaseBytes <= LARGEST_DRILL_IN_FUNCTION_BYTES);
    const large = clusters.filter((cluster) => !small.includes(cluster));
    const hasFunction = fleet || small.length > 0;
    this.alarmNames = drillAlarmNames(serviceName, hasFunction);
    const [failed = "", errors = ""] = this.alarmNames;
    const common = { ...ONCE, heading: HEADINGS.drill, runbook, notifications };
    addAlarm(this, "Failed", {
      ...common,
      alarmName: failed,
      what: "a drill did not bring back what was backed up, or could not begin",
      metric: lifeboatMetric(serviceName, undefined, METRICS.drillFailed, Stats.SUM, FIVE_MINUTES),
    });
    const roleOf = (roleId: string, service: string | Role) =>
      drillRole(this, roleId, { vault, clusters: names, service, desk: desk.functionArn });
    if (hasFunction) {
      const runner = fleet ? runnerRole(this, "Runner") : undefined;
      const role = roleOf("Role", runner ?? "lambda.amazonaws.com");
      if (runner !== undefined) allowToAssume(this, "Assumes", runner, role);
      const { function: made } = new BackupFunction(this, "Drill", {
        context,
        name: "drill",
        cluster: undefined,
        ...(fleet ? { functionName: drillName(serviceName), fleet: { assumes: role } } : {}),
        sizes: DRILL_SIZES,
        role: runner ?? role,
        network: undefined,
        image: image.lambda,
      });
      // What failed is tried again after a day, and told once.
      new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
      const input: DrillEvent = { clusters: small.map(({ name }) => name) };
      // A fleet's own schedule starts a drill for each cluster.
      if (!fleet)
        new ScheduledStart(this, "Hourly", {
          description: `etcd-lifeboat: drills of ${serviceName}`,
          schedule: { expression: "rate(1 hour)", timeZone: "UTC", longestGapMs: HOUR_MS },
          flexibleMinutes: 0,
          target: { arn: made.functionArn, action: "lambda:InvokeFunction", input },
          notifications,
        });
      // As Lambda counts it: a function that was killed writes no metric of its own.
      addAlarm(this, "Errors", {
        ...common,
        alarmName: errors,
        what: "the function that drills failed",
        metric: made.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
      });
    }
    if (large.length === 0) return;
    if (network === undefined)
      throw new LifeboatError(
        "config/invalid",
        `the database of ${large[0]?.name} is too large for the disk of a function that drills it`,
        {
          hint: "hand in a network, for a task of Fargate",
        },
      );
    new DrillTask(this, "Large", { context, image, clusters: large, role: roleOf("TaskRole", "ecs-tasks.amazonaws.com"), network });
  }
}
