import { Aws, Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { LifeboatError } from "../../shared/errors.ts";
import { METRICS } from "../../shared/service.ts";
import { eventOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import { clusterNamed } from "../deployment.ts";
import type { Deployment } from "../deployment.ts";
import { BackupFunction } from "./backup-function.ts";
import { BackupSchedule } from "./backup-schedule.ts";
import { BackupStateMachine } from "./backup-state-machine.ts";
import { BackupTask } from "./backup-task.ts";
import { ClusterAlarms } from "./cluster-alarms.ts";
import { ClusterCheck } from "./cluster-check.ts";
import type { ClusterAlarmsProps } from "./cluster-alarms.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { StepName } from "./function-code.ts";
import type { Network } from "./network.ts";
import type { Notices } from "./notices.ts";
import { backupRole, verifyRole } from "./roles.ts";
import type { SnapshotVault } from "./snapshot-vault.ts";
import type { TaskHost } from "./task-host.ts";

export interface ClusterBackupProps {
  readonly deployment: Deployment;
  /** A cluster of the configuration. */
  readonly cluster: string;
  readonly vault: SnapshotVault;
  readonly notices: Notices;
  /** Left out: outside a VPC. */
  readonly network?: Network | undefined;
  /** For a cluster that does not fit into 15 minutes. */
  readonly tasks?: TaskHost | undefined;
}

interface Run {
  readonly step: Step;
  readonly starts: readonly PolicyStatement[];
  readonly durations: ClusterAlarmsProps["durations"];
}

/** The backup of one cluster on its schedule, verified by another role and watched by a third, with alarms for what fails and what stays away. */
export class ClusterBackup extends Construct {
  readonly stateMachine: StateMachine;
  readonly alarmNames: readonly string[];

  constructor(scope: Construct, id: string, props: ClusterBackupProps) {
    super(scope, id);
    const { deployment, notices } = props;
    const cluster = clusterNamed(deployment, props.cluster);
    const backup = this.#run("backup", props);
    const verify = this.#run("verify", props);
    this.stateMachine = new BackupStateMachine(this, "Run", {
      deployment,
      cluster,
      notices,
      backup: backup.step,
      verify: verify.step,
      starts: [...backup.starts, ...verify.starts],
    }).stateMachine;
    new BackupSchedule(this, "Start", { cluster, stateMachine: this.stateMachine, notices });
    const check = new ClusterCheck(this, "Check", { deployment, cluster, vault: props.vault, notices });
    this.alarmNames = new ClusterAlarms(this, "Alarms", {
      deployment,
      cluster,
      notices,
      stateMachine: this.stateMachine,
      checkFailures: check.failures,
      durations: [...backup.durations, ...verify.durations],
    }).names;
  }

  #run(name: StepName, props: ClusterBackupProps): Run {
    const { deployment, vault, network, tasks } = props;
    const cluster = clusterNamed(deployment, props.cluster);
    const { sizes } = cluster;
    const isFunction = sizes.kind === "function";
    const id = name === "backup" ? "Backup" : "Verify";
    const service = isFunction ? "lambda.amazonaws.com" : "ecs-tasks.amazonaws.com";
    const role = (name === "backup" ? backupRole : verifyRole)(this, `${id}Role`, { deployment, cluster, vault, service });
    if (isFunction)
      return asFunction(new BackupFunction(this, id, { deployment, cluster, name, sizes, role, network }), name, sizes.seconds);
    if (tasks === undefined) {
      throw new LifeboatError("config/invalid", `the backup of ${cluster.name} may take more than the 15 minutes of a function`, {
        hint: "name service.network in the configuration and hand in a TaskHost, as ServiceStack does, so that it runs as a task there",
      });
    }
    const { step, starts } = new BackupTask(this, id, { deployment, cluster, name, sizes, role, host: tasks });
    // A task has no metric of how long it ran, and verifying writes none.
    const metric = lifeboatMetric(deployment.service.name, cluster.name, METRICS.durationMs, Stats.MAXIMUM, FIVE_MINUTES);
    return { step, starts, durations: name === "backup" ? [{ name, metric, seconds: sizes.seconds }] : [] };
  }
}

const FIVE_MINUTES = Duration.minutes(5);

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
