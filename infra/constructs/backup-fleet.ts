import { Aws, Duration, Size } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { Role } from "aws-cdk-lib/aws-iam";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { RoundEvent, WatchEvent } from "../../shared/contract/events.ts";
import { drillName, fleetMachineName, fleetSecretPrefix, keeperName, VERIFY_SECRETS } from "../../shared/contract/service.ts";
import { BACKUP_TICK_MS, CONCURRENCY, DAILY_TICK_MS, DRILL_CONCURRENCY, WATCH_TICK_MS } from "../../shared/fleet/pace.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { definitionOf, eventOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import type { Configuration } from "../deployment.ts";
import { backupChild, callingChild, roundDefinition, watchDefinition } from "../fleet-definition.ts";
import type { RoundProps } from "../fleet-definition.ts";
import { HEADINGS } from "../runbook.ts";
import { AUDIT_SIZES, DRILL_SIZES, KEEPER_SIZES, sizesFor } from "../sizes.ts";
import type { FunctionSizes } from "../sizes.ts";
import { BackupFunction } from "./backup-function.ts";
import type { StepName } from "./function-code.ts";
import { FleetAlarms } from "./fleet-alarms.ts";
import type { Machines } from "./fleet-alarms.ts";
import { FleetMachine } from "./fleet-machine.ts";
import { functionArn } from "./fleet-names.ts";
import type { NetworkPlacement } from "./network.ts";
import type { Notifications } from "./notifications.ts";
import { backupRole, plannerRole, verifyRole, watchRole } from "./roles.ts";
import type { ClusterSecrets } from "./roles.ts";
import { SCHEDULED_TIME, ScheduledStart } from "./scheduled-start.ts";
import type { FunctionContext } from "./service-context.ts";
import { allowToAssume, runnerRole } from "./session-tag.ts";
import { TAGGED_CLUSTER } from "./vault-access.ts";
import type { ISnapshotVault, Replica } from "./vault.ts";

export interface BackupFleetProps {
  /** The configuration that the functions carry (`readDeployment`). It names the same bucket and keys as `vault`; clusters are those that the store lists (`lifeboat fleet apply`). */
  readonly configuration: Configuration;
  /** Where snapshots go, and where the list of clusters is. */
  readonly vault: ISnapshotVault;
  /** Where people are told. */
  readonly notifications: Notifications;
  /**
   * Begins the names of logs, functions, state machines and alarms: at most 16 lower-case letters, digits and `-`. It must be `service.name` of the configuration.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * The networks that clusters are in, by the names that the list calls them by; undefined for one outside of a VPC.
   *
   * @default the network `default`, outside of a VPC
   */
  readonly networks?: Readonly<Record<string, NetworkPlacement | undefined>>;
  /**
   * How large the databases may become: memory and time of the functions follow from it. What does not fit the 15 minutes of a function is not for a fleet.
   *
   * @default 2 GiB
   */
  readonly databaseSize?: Size;
  /**
   * What comes of a snapshot in a second from end to end, in megabytes.
   *
   * @default 40
   */
  readonly megabytesPerSecond?: number;
  /**
   * How many clusters of a network are backed up at once.
   *
   * @default 40
   */
  readonly concurrency?: number;
  /**
   * Keys in KMS that encrypt the secrets of clusters. Secrets are found by their names, which begin with `SERVICE/CLUSTER/`.
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
   * Whether there are `Drills`, by the same name of a service: those that are due are then started.
   *
   * @default false
   */
  readonly hasDrills?: boolean;
  /**
   * The function that removes what was ordered (`Keeper`), by its ARN.
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

/** It reads one list of a few MB. */
const PLANNER_SIZES: FunctionSizes = { kind: "function", memoryMiB: 1024, storageMiB: 512, seconds: 120, startSeconds: 0 };

/** One of the two roles of a backup: a function in each network runs as `runner`, and does its work as `role`, for one cluster. */
interface Purpose {
  readonly name: StepName;
  readonly runner: Role;
  readonly role: Role;
}

/**
 * The backups of all clusters that the store lists: one set of functions and roles, and as many resources for one cluster as for a thousand. A run assumes the role of its purpose with the cluster as a session tag, by which the policies of that role name objects, keys and
 * secrets: it touches no other cluster. Throws a LifeboatError `config/invalid` where the databases are too large for a function.
 */
export class BackupFleet extends Construct {
  /** By the name of the network: takes backups of its clusters. Started by a schedule, or by `lifeboat invoke backup`. */
  readonly stateMachines: Readonly<Record<string, StateMachine>>;
  /** Names of its alarms, for a dashboard. */
  readonly alarmNames: readonly string[];
  readonly #context: FunctionContext;
  readonly #planner: LambdaFunction;

  constructor(scope: Construct, id: string, props: BackupFleetProps) {
    super(scope, id);
    const { configuration, vault, notifications, serviceName = "lifeboat", networks = { default: undefined }, runbook } = props;
    const logRetention = props.logRetention ?? RetentionDays.THREE_MONTHS;
    const context: FunctionContext = { serviceName, configuration, notifications, runbook, logRetention };
    this.#context = context;
    const sizes = functionSizes(props);
    this.#planner = this.#looker("Plan", "plan", PLANNER_SIZES, plannerRole(this, "PlanRole", { vault, service: LAMBDA }));
    const purposes = [this.#purpose("backup", props), this.#purpose("verify", props)] as const;
    const machines: Machines[] = [];
    const stateMachines: Record<string, StateMachine> = {};
    for (const [network, placement] of Object.entries(networks)) {
      const [backup, verify] = purposes.map((purpose) => this.#function(purpose, network, placement, sizes));
      if (backup === undefined || verify === undefined) throw new Error("there are two purposes");
      const made = this.#backups(network, { backup, verify, props });
      stateMachines[network] = made;
      const durations = [
        { name: "backup", metric: backup.metricDuration({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }), seconds: sizes.seconds },
        { name: "verify", metric: verify.metricDuration({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }), seconds: sizes.seconds },
      ];
      machines.push({ name: network, stateMachine: made, tickMs: BACKUP_TICK_MS, durations });
    }
    this.stateMachines = stateMachines;
    machines.push({ name: "keep", stateMachine: this.#keep(props), tickMs: DAILY_TICK_MS, durations: [] });
    if (props.hasDrills === true) machines.push({ name: "drill", stateMachine: this.#drill(), tickMs: DAILY_TICK_MS, durations: [] });
    machines.push({ name: "watch", stateMachine: this.#watch(vault), tickMs: WATCH_TICK_MS, durations: [] });
    this.alarmNames = new FleetAlarms(this, "Alarms", { context, machines, hasReplicas: (props.replicas ?? []).length > 0 }).names;
  }

  /** A function that looks at all clusters, in a role of its own. */
  #looker(id: string, name: "plan" | "watch", sizes: FunctionSizes, role: Role): LambdaFunction {
    const { function: made } = new BackupFunction(this, id, {
      context: this.#context,
      name,
      cluster: undefined,
      sizes,
      role,
      network: undefined,
      fleet: {},
    });
    new EventInvokeConfig(this, `${id}Once`, { function: made, retryAttempts: 0 });
    return made;
  }

  #purpose(name: StepName, { vault, replicas = [], secretKeys = [] }: BackupFleetProps): Purpose {
    const id = name === "backup" ? "Writer" : "Verifier";
    const runner = runnerRole(this, `${id}Runner`);
    const prefix = fleetSecretPrefix(this.#context.serviceName, TAGGED_CLUSTER);
    const below = name === "backup" ? { prefix, except: VERIFY_SECRETS } : { prefix };
    const secrets: ClusterSecrets = { secrets: [], parameters: [], below, keys: secretKeys };
    const role = (name === "backup" ? backupRole : verifyRole)(this, `${id}Role`, {
      cluster: TAGGED_CLUSTER,
      vault,
      replicas,
      secrets,
      service: runner,
    });
    allowToAssume(this, `${id}Assumes`, runner, role);
    return { name, runner, role };
  }

  #function(
    { name, runner, role }: Purpose,
    network: string,
    placement: NetworkPlacement | undefined,
    sizes: FunctionSizes,
  ): LambdaFunction {
    return new BackupFunction(this, `${network}-${name}`, {
      context: this.#context,
      name,
      cluster: network,
      sizes,
      role: runner,
      network: placement,
      fleet: { assumes: role },
    }).function;
  }

  #backups(
    network: string,
    { backup, verify, props }: { readonly backup: LambdaFunction; readonly verify: LambdaFunction; readonly props: BackupFleetProps },
  ): StateMachine {
    const { serviceName, notifications, runbook } = this.#context;
    const keeper = this.#keeperArn(props);
    const { seconds } = functionSizes(props);
    const child = definitionOf({
      cluster: undefined,
      partition: Aws.PARTITION,
      topicArn: notifications.topic.topicArn,
      backup: stepOf(backup.functionArn, eventOf("backup"), seconds),
      verify: stepOf(verify.functionArn, eventOf("verify"), seconds),
      // It removes nothing that it was not ordered to, so its event is whose order it is to follow, and no more.
      keeper: stepOf(keeper, '{"cluster": $states.input.verify.cluster}', KEEPER_SIZES.seconds),
      runbook,
    });
    return this.#round(fleetMachineName(serviceName, network), {
      id: `${network}-Run`,
      comment: `backs up the clusters of the network ${network} that are due`,
      event: { round: "backup", network, tick: SCHEDULED_TIME },
      tickMs: BACKUP_TICK_MS,
      concurrency: props.concurrency ?? CONCURRENCY,
      child: backupChild(child),
      calls: [backup.functionArn, verify.functionArn, keeper],
    });
  }

  /** Once a day each cluster's locks are renewed and its unfinished uploads go, also while no backup runs. */
  #keep(props: BackupFleetProps): StateMachine {
    const keeper = this.#keeperArn(props);
    const child = callingChild(this.#told(), {
      functionArn: keeper,
      payload: '{"cluster": $states.input.cluster}',
      seconds: KEEPER_SIZES.seconds,
      failure: "the keeper failed for a cluster",
      heading: HEADINGS.keeper,
    });
    return this.#round(fleetMachineName(this.#context.serviceName, "keep"), {
      id: "Keep",
      comment: "has the keeper go over each cluster once a day",
      event: { round: "keep", tick: SCHEDULED_TIME },
      tickMs: DAILY_TICK_MS,
      concurrency: props.concurrency ?? CONCURRENCY,
      child,
      calls: [keeper],
    });
  }

  #drill(): StateMachine {
    const { serviceName } = this.#context;
    const drill = functionArn(this, drillName(serviceName));
    const child = callingChild(this.#told(), {
      functionArn: drill,
      payload: '{"clusters": [$states.input.cluster]}',
      seconds: DRILL_SIZES.seconds,
      failure: "a drill did not pass",
      heading: HEADINGS.drill,
    });
    return this.#round(fleetMachineName(serviceName, "drill"), {
      id: "Drill",
      comment: "rehearses the restores of the clusters whose drills are due",
      event: { round: "drill", tick: SCHEDULED_TIME },
      tickMs: DAILY_TICK_MS,
      concurrency: DRILL_CONCURRENCY,
      child,
      calls: [drill],
    });
  }

  #watch(vault: ISnapshotVault): StateMachine {
    const context = this.#context;
    const { serviceName, notifications } = context;
    const watch = this.#looker("Watch", "watch", AUDIT_SIZES, watchRole(this, "WatchRole", { vault, service: LAMBDA }));
    const { stateMachine } = new FleetMachine(this, "WatchRun", {
      context,
      name: fleetMachineName(serviceName, "watch"),
      definition: watchDefinition({ ...this.#told(), serviceName, watch: watch.functionArn, seconds: AUDIT_SIZES.seconds }),
      calls: [watch.functionArn],
      hasChildren: false,
    });
    const input: WatchEvent = {};
    new ScheduledStart(this, "WatchStart", {
      description: `etcd-lifeboat: watch of ${serviceName}`,
      schedule: ticks(WATCH_TICK_MS),
      flexibleMinutes: 0,
      target: { arn: stateMachine.stateMachineArn, action: "states:StartExecution", input },
      notifications,
    });
    return stateMachine;
  }

  #round(name: string, { id, event, tickMs, calls, ...round }: Round): StateMachine {
    const context = this.#context;
    const { serviceName, notifications } = context;
    const planner = this.#planner.functionArn;
    const { stateMachine } = new FleetMachine(this, id, {
      context,
      name,
      definition: roundDefinition({ ...this.#told(), ...round, serviceName, planner }),
      calls: [planner, ...calls],
      hasChildren: true,
    });
    new ScheduledStart(this, `${id}Start`, {
      description: `etcd-lifeboat: ${name}`,
      schedule: ticks(tickMs),
      flexibleMinutes: 0,
      target: { arn: stateMachine.stateMachineArn, action: "states:StartExecution", input: event },
      notifications,
    });
    return stateMachine;
  }

  #told(): Pick<RoundProps, "partition" | "topicArn" | "runbook"> {
    const { notifications, runbook } = this.#context;
    return { partition: Aws.PARTITION, topicArn: notifications.topic.topicArn, runbook };
  }

  #keeperArn({ keeperArn }: BackupFleetProps): string {
    return keeperArn ?? functionArn(this, keeperName(this.#context.serviceName));
  }
}

interface Round extends Pick<RoundProps, "comment" | "concurrency" | "child"> {
  readonly id: string;
  readonly event: RoundEvent;
  readonly tickMs: number;
  readonly calls: readonly string[];
}

const LAMBDA = "lambda.amazonaws.com";
const FIVE_MINUTES = Duration.minutes(5);
const MINUTE_MS = 60_000;

function functionSizes({ databaseSize, megabytesPerSecond = 40 }: BackupFleetProps): FunctionSizes {
  const sizes = sizesFor((databaseSize ?? Size.gibibytes(2)).toBytes(), megabytesPerSecond);
  if (sizes.kind === "function") return sizes;
  throw new LifeboatError(
    "config/invalid",
    "the backup of databases so large may take more than the 15 minutes of a function, and a fleet has functions alone",
    {
      hint: "lower service.fleet.databaseSize, and keep larger clusters in a service of their own over the same vault",
    },
  );
}

function stepOf(arn: string, payload: string, seconds: number): Step {
  return {
    resource: `arn:${Aws.PARTITION}:states:::lambda:invoke`,
    arguments: { FunctionName: arn, Payload: `{% ${payload} %}` },
    outcome: "$states.result.Payload",
    seconds,
  };
}

/** At the minutes that are multiples of it, in UTC: a rate would count on from its own deployment, and two of them leave a gap. */
function ticks(ms: number): { readonly expression: string; readonly timeZone: string; readonly longestGapMs: number } {
  const minutes = ms / MINUTE_MS;
  return { expression: minutes === 60 ? "cron(0 * * * ? *)" : `cron(0/${minutes} * * * ? *)`, timeZone: "UTC", longestGapMs: ms };
}
