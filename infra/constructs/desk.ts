import { CfnOutput, Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { Effect, ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Architecture } from "../../shared/bundle/plan.ts";
import { deskName, METRICS } from "../../shared/contract/service.ts";
import type { Configuration } from "../deployment.ts";
import { HEADINGS } from "../runbook.ts";
import { DESK_SIZES } from "../sizes.ts";
import { addAlarm, ONCE } from "./alarm.ts";
import { BackupFunction } from "./backup-function.ts";
import { bundleAlarmName, deskAlarmNames } from "./desk-names.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { Notifications } from "./notifications.ts";
import { programLayer } from "./program-layer.ts";
import { deskRole } from "./roles.ts";
import { allowToAssume, runnerRole } from "./session-tag.ts";
import { TAGGED_CLUSTER } from "./vault-access.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface DeskProps {
  /** The configuration that the function carries (`readDeployment`): its clusters, recipients, and whether others may get a bundle. */
  readonly configuration: Configuration;
  /** The vault that it makes bundles of, and puts them into. */
  readonly vault: ISnapshotVault;
  /** Where people are told of each bundle. */
  readonly notifications: Notifications;
  /**
   * Begins the name of its function (`SERVICE-desk`), and those of its log and alarms.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * Of the nodes that bundles are for. Each is a layer of some 80 MB with age, etcdctl, etcdutl and unzstd, of the 250 MB that a function may have.
   *
   * @default ["amd64"]
   */
  readonly architectures?: readonly Architecture[];
  /**
   * Whether the callers' policy asks for a second factor. It cannot hold up who is allowed to call every function by another policy.
   *
   * @default true
   */
  readonly requireMfa?: boolean;
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

/**
 * Makes restore bundles, and puts them into the vault: one function for all clusters of a service, in a role that opens snapshots and signs bundles, and neither removes anything nor says of a snapshot that it is good. Nothing starts it but
 * a person (`lifeboat invoke bundle`), and each bundle that it makes is an alarm.
 */
export class Desk extends Construct {
  /** The function, which is called `SERVICE-desk`. */
  readonly function: LambdaFunction;
  /** For the people who may call it: attach it to their role or group. */
  readonly callers: ManagedPolicy;
  /** Names of its alarms, for a dashboard. */
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: DeskProps) {
    super(scope, id);
    const {
      configuration,
      vault,
      notifications,
      serviceName = "lifeboat",
      architectures = ["amd64"],
      requireMfa = true,
      runbook,
      fleet = false,
    } = props;
    const clusters = fleet ? [] : configuration.clusters;
    const runner = fleet ? runnerRole(this, "Runner") : undefined;
    const role = deskRole(this, "Role", {
      vault,
      clusters: fleet ? [TAGGED_CLUSTER] : clusters,
      service: runner ?? "lambda.amazonaws.com",
      opensIntakes: true,
    });
    if (runner !== undefined) allowToAssume(this, "Assumes", runner, role);
    const { function: made } = new BackupFunction(this, "Desk", {
      context: { serviceName, configuration, notifications, runbook, logRetention: props.logRetention ?? RetentionDays.THREE_MONTHS },
      name: "desk",
      cluster: undefined,
      functionName: deskName(serviceName),
      sizes: DESK_SIZES,
      role: runner ?? role,
      ...(fleet ? { fleet: { assumes: role } } : {}),
      network: undefined,
      layers: architectures.map((architecture) => programLayer(this, `Programs-${architecture}`, architecture)),
    });
    this.function = made;
    // Who asks waits for the answer; a second try by Lambda would be a second bundle.
    new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
    this.callers = new ManagedPolicy(this, "Callers", {
      description: `etcd-lifeboat: may have ${deskName(serviceName)} make restore bundles`,
      statements: [
        new PolicyStatement({
          effect: Effect.ALLOW,
          actions: ["lambda:InvokeFunction"],
          resources: [made.functionArn],
          ...(requireMfa ? { conditions: { Bool: { "aws:MultiFactorAuthPresent": "true" } } } : {}),
        }),
      ],
    });
    new CfnOutput(this, "CallersPolicy", {
      description: "The policy for people who may have restore bundles made",
      value: this.callers.managedPolicyArn,
    });
    this.alarmNames = [...deskAlarmNames(serviceName, clusters), ...(fleet ? [`${deskName(serviceName)}-bundle`] : [])];
    const [errors = ""] = this.alarmNames;
    for (const cluster of clusters)
      addAlarm(this, `${cluster}Bundle`, {
        ...ONCE,
        alarmName: bundleAlarmName(serviceName, cluster),
        what: `${cluster}: a restore bundle was made, which opens the secrets of the cluster to those that it is for`,
        heading: HEADINGS.bundle,
        runbook,
        notifications,
        metric: lifeboatMetric(serviceName, cluster, METRICS.bundleMade, Stats.SUM, FIVE_MINUTES),
      });
    if (fleet)
      addAlarm(this, "Bundle", {
        ...ONCE,
        alarmName: `${deskName(serviceName)}-bundle`,
        what: "a restore bundle was made, which opens the secrets of a cluster to those that it is for; the custody logs and the log of the desk say of which",
        heading: HEADINGS.bundle,
        runbook,
        notifications,
        metric: lifeboatMetric(serviceName, undefined, METRICS.bundleMade, Stats.SUM, FIVE_MINUTES),
      });
    // As Lambda counts it: a function that was killed writes no metric of its own.
    addAlarm(this, "Errors", {
      ...ONCE,
      alarmName: errors,
      what: "the desk was asked for a restore bundle, and made none",
      heading: HEADINGS.desk,
      runbook,
      notifications,
      metric: made.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
    });
  }
}
