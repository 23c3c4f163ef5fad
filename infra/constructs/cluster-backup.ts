import { Aws, Duration, Size } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { IParameter } from "aws-cdk-lib/aws-ssm";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { LifeboatError } from "../../shared/errors.ts";
import { METRICS } from "../../shared/contract/service.ts";
import { planCluster } from "../cluster-plan.ts";
import type { ClusterPlan } from "../cluster-plan.ts";
import { eventOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import type { Configuration } from "../deployment.ts";
import { KEEPER_SIZES, withKopia } from "../sizes.ts";
import type { Sizes } from "../sizes.ts";
import { BackupFunction } from "./backup-function.ts";
import { BackupSchedule } from "./backup-schedule.ts";
import { BackupStateMachine } from "./backup-state-machine.ts";
import { BackupTask } from "./backup-task.ts";
import { ClusterAlarms } from "./cluster-alarms.ts";
import type { ClusterAlarmsProps } from "./cluster-alarms.ts";
import { ClusterCheck } from "./cluster-check.ts";
import type { StepName } from "./function-code.ts";
import { keeperArn } from "./keeper-names.ts";
import type { KopiaRepository } from "./kopia-access.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { NetworkPlacement } from "./network.ts";
import type { Notifications } from "./notifications.ts";
import { backupRole, verifyRole } from "./roles.ts";
import type { RoleProps } from "./roles.ts";
import type { ServiceContext } from "./service-context.ts";
import type { TaskHost } from "./task-host.ts";
import type { ISnapshotVault, Replica } from "./vault.ts";

/** Every so often, or at the times of a cron line. */
export type BackupTimes =
  | {
      /** Whole minutes. */
      readonly rate: Duration;
    }
  | {
      /** Five fields, as crontab(5) has them: `30 2 * * *`. */
      readonly cron: string;
      /** Such as `Europe/Berlin`. The default is UTC. */
      readonly timeZone?: string;
    };

export interface ClusterBackupProps {
  /** The cluster's name, as in the configuration. */
  readonly cluster: string;
  /** The configuration that the functions carry (`readDeployment`). It says how to connect to etcd, and names the same bucket and keys as `vault`. */
  readonly configuration: Configuration;
  /** Where snapshots go. */
  readonly vault: ISnapshotVault;
  /** Where people are told. */
  readonly notifications: Notifications;
  /**
   * Begins the names of logs, state machines (`SERVICE-CLUSTER`) and alarms: at most 16 lower-case letters, digits and `-`. It must be `service.name` of the configuration
   * for `lifeboat invoke` to find the state machine.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * Where the functions run, so that they reach etcd.
   *
   * @default outside of a VPC
   */
  readonly network?: NetworkPlacement | undefined;
  /**
   * Runs what does not fit the 15 minutes of a function. A database above some 15 GiB needs it.
   *
   * @default functions only
   */
  readonly tasks?: TaskHost | undefined;
  /**
   * When backups start.
   *
   * @default every hour
   */
  readonly schedule?: BackupTimes;
  /**
   * A start may be so much later than the schedule says, so that many clusters do not start at once: whole minutes, at most a day.
   *
   * @default none
   */
  readonly flexibleWindow?: Duration;
  /**
   * The greatest age of the newest good backup: an older one is an alarm. The functions go by `rpo` of the configuration, which should be the same.
   *
   * @default 2 hours
   */
  readonly rpo?: Duration;
  /**
   * How far apart those backups are that are read back, of which alone a good one comes: `verify.deepVerify` of the configuration.
   *
   * @default every backup is
   */
  readonly deepVerify?: Duration | undefined;
  /**
   * How much later than schedule, window and run allow before the absence of a backup, or of its verification, is an alarm.
   *
   * @default 15 minutes
   */
  readonly grace?: Duration;
  /**
   * How large the database may become. Memory and time follow from it.
   *
   * @default 2 GiB
   */
  readonly databaseSize?: Size;
  /**
   * What comes of a snapshot in a second from end to end, in megabytes. Lower it for a slow link.
   *
   * @default 40
   */
  readonly megabytesPerSecond?: number;
  /**
   * Secrets that the configuration names for this cluster: the backup function may read them, and may decrypt by their `encryptionKey`.
   *
   * @default none
   */
  readonly secrets?: readonly ISecret[];
  /**
   * Parameters of the SSM Parameter Store that the configuration names for this cluster.
   *
   * @default none
   */
  readonly parameters?: readonly Pick<IParameter, "parameterArn">[];
  /**
   * Secrets by which the verify function asks members whether they confirm a snapshot: those of `verify` in the configuration, and of the cluster where `verify` has none of its own. It may read them,
   * and may decrypt by their `encryptionKey`. None where the configuration says `confirm: off`.
   *
   * @default those of `secrets`
   */
  readonly verifySecrets?: readonly ISecret[];
  /**
   * The same of the SSM Parameter Store.
   *
   * @default those of `parameters`
   */
  readonly verifyParameters?: readonly Pick<IParameter, "parameterArn">[];
  /**
   * Further keys in KMS that encrypt those secrets and parameters.
   *
   * @default AWS's own keys encrypt them
   */
  readonly secretKeys?: readonly IKey[];
  /**
   * The replicas of the configuration, which the verify function fills.
   *
   * @default none
   */
  readonly replicas?: readonly Replica[];
  /**
   * The Kopia repository that data goes into, in place of the vault. Not for what runs as a task.
   *
   * @default data are objects of the vault
   */
  readonly kopia?: KopiaRepository | undefined;
  /**
   * The function that removes what was ordered (`Keeper`), by its ARN. In another account its `callers` must name the account of this service.
   *
   * @default the function `SERVICE-keeper` in the account and region of this stack
   */
  readonly keeperArn?: string | undefined;
  /**
   * The address where docs/runbook.md is published: alarms and notices link to its headings.
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

interface Run {
  readonly step: Step;
  readonly starts: readonly PolicyStatement[];
  readonly durations: ClusterAlarmsProps["durations"];
}

/**
 * The backup of one cluster on its schedule, verified by another role and watched by a third, with alarms for what fails and what stays away. Throws a LifeboatError: `config/not-found` for a
 * cluster that the configuration does not have, `config/invalid` for times that AWS or the rpo do not allow, or where the database is too large for a function and there are no `tasks`.
 */
export class ClusterBackup extends Construct {
  /** Takes a backup and verifies it. Started by the schedule, or by `lifeboat invoke backup`. */
  readonly stateMachine: StateMachine;
  /** Names of the cluster's alarms, for a dashboard. */
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: ClusterBackupProps) {
    super(scope, id);
    const { cluster, configuration, vault, notifications, replicas = [] } = props;
    requireCluster(configuration, cluster);
    const plan = planOf(props);
    const context: ServiceContext = {
      cluster,
      configuration,
      notifications,
      serviceName: props.serviceName ?? "lifeboat",
      runbook: props.runbook,
      logRetention: props.logRetention ?? RetentionDays.THREE_MONTHS,
    };
    const backup = this.#run("backup", context, plan.sizes, props);
    const verify = this.#run("verify", context, plan.sizes, props);
    const keeper = keeperStep(props.keeperArn ?? keeperArn(this, context.serviceName));
    this.stateMachine = new BackupStateMachine(this, "Run", {
      context,
      backup: backup.step,
      verify: verify.step,
      keeper: keeper.step,
      starts: [...backup.starts, ...verify.starts, ...keeper.starts],
    }).stateMachine;
    new BackupSchedule(this, "Start", { context, plan, stateMachine: this.stateMachine });
    const check = new ClusterCheck(this, "Check", { context, checkMinutes: plan.checkMinutes, vault });
    this.alarmNames = new ClusterAlarms(this, "Alarms", {
      context,
      plan,
      hasReplicas: replicas.length > 0,
      stateMachine: this.stateMachine,
      checkFailures: check.failures,
      durations: [...backup.durations, ...verify.durations],
    }).names;
  }

  #run(name: StepName, context: ServiceContext, sizes: Sizes, props: ClusterBackupProps): Run {
    const { network, tasks, kopia } = props;
    const isFunction = sizes.kind === "function";
    const id = name === "backup" ? "Backup" : "Verify";
    const role = (name === "backup" ? backupRole : verifyRole)(this, `${id}Role`, {
      ...roleProps(name, props),
      service: isFunction ? "lambda.amazonaws.com" : "ecs-tasks.amazonaws.com",
    });
    if (isFunction) {
      const withProgram = kopia === undefined ? { sizes } : { sizes: withKopia(sizes), layers: [kopia.layer] };
      return asFunction(
        new BackupFunction(this, id, { context, name, cluster: context.cluster, role, network, ...withProgram }),
        name,
        sizes.seconds,
      );
    }
    if (kopia !== undefined)
      throw new LifeboatError(
        "config/invalid",
        `the backup of ${context.cluster} may take more than the 15 minutes of a function, and a task has no kopia`,
        {
          hint: "keep this cluster in a store of objects",
        },
      );
    if (tasks === undefined) {
      throw new LifeboatError("config/invalid", `the backup of ${context.cluster} may take more than the 15 minutes of a function`, {
        hint: "hand in tasks: a TaskHost in the network that reaches etcd",
      });
    }
    const { step, starts } = new BackupTask(this, id, { context, name, sizes, role, host: tasks });
    // A task has no metric of how long it ran, and verifying writes none.
    const metric = lifeboatMetric(context.serviceName, context.cluster, METRICS.durationMs, Stats.MAXIMUM, FIVE_MINUTES);
    return { step, starts, durations: name === "backup" ? [{ name, metric, seconds: sizes.seconds }] : [] };
  }
}

const FIVE_MINUTES = Duration.minutes(5);

function requireCluster({ path, clusters }: Configuration, cluster: string): void {
  if (clusters.includes(cluster)) return;
  throw new LifeboatError("config/not-found", `${path} has no cluster ${cluster}`, { hint: `there are ${clusters.join(", ")}` });
}

/** The defaults are those of lifeboat.yaml. Throws `config/invalid`. */
function planOf(props: ClusterBackupProps): ClusterPlan {
  const { cluster, schedule = { rate: Duration.hours(1) } } = props;
  const { plan, problems } = planCluster({
    schedule: "rate" in schedule ? { rate: schedule.rate.toMilliseconds() } : { cron: schedule.cron, timeZone: schedule.timeZone ?? "UTC" },
    rpoMs: (props.rpo ?? Duration.hours(2)).toMilliseconds(),
    deepEveryMs: props.deepVerify?.toMilliseconds() ?? 0,
    flexibleWindowMs: props.flexibleWindow?.toMilliseconds() ?? 0,
    graceMs: (props.grace ?? Duration.minutes(15)).toMilliseconds(),
    databaseBytes: (props.databaseSize ?? Size.gibibytes(2)).toBytes(),
    megabytesPerSecond: props.megabytesPerSecond ?? 40,
  });
  if (plan !== undefined && problems.length === 0) return plan;
  throw new LifeboatError("config/invalid", problems.map(({ setting, message }) => `${cluster}: ${setting}: ${message}`).join("\n"), {
    hint: "change the props of its ClusterBackup, and the configuration likewise",
  });
}

function roleProps(name: StepName, { cluster, vault, kopia, ...props }: ClusterBackupProps): Omit<RoleProps, "service"> {
  const { secretKeys = [], replicas = [] } = props;
  const isVerify = name === "verify";
  const secrets = (isVerify ? props.verifySecrets : undefined) ?? props.secrets ?? [];
  const parameters = (isVerify ? props.verifyParameters : undefined) ?? props.parameters ?? [];
  const keys = [...secretKeys, ...secrets.flatMap(({ encryptionKey }) => encryptionKey ?? [])];
  return { cluster, vault, kopia, replicas, secrets: { secrets, parameters, keys } };
}

/** It removes nothing that it was not ordered to, so its event is whose order it is to follow, and no more. */
function keeperStep(arn: string): Pick<Run, "step" | "starts"> {
  return {
    step: {
      resource: `arn:${Aws.PARTITION}:states:::lambda:invoke`,
      arguments: { FunctionName: arn, Payload: { cluster: "{% $states.input.verify.cluster %}" } },
      outcome: "$states.result.Payload",
      seconds: KEEPER_SIZES.seconds,
    },
    starts: [new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [arn] })],
  };
}

function asFunction({ function: made }: BackupFunction, name: StepName, seconds: number): Run {
  return {
    step: {
      resource: `arn:${Aws.PARTITION}:states:::lambda:invoke`,
      arguments: { FunctionName: made.functionArn, Payload: `{% ${eventOf(name)} %}` },
      outcome: "$states.result.Payload",
      seconds,
    },
    starts: [new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [made.functionArn] })],
    durations: [{ name, metric: made.metricDuration({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }), seconds }],
  };
}
