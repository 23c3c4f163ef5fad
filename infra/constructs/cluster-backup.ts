import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { Step } from "../definition.ts";
import { clusterNamed } from "../deployment.ts";
import type { Deployment } from "../deployment.ts";
import type { FunctionSizes } from "../sizes.ts";
import { BackupFunction } from "./backup-function.ts";
import { BackupSchedule } from "./backup-schedule.ts";
import { BackupStateMachine } from "./backup-state-machine.ts";
import { ClusterAlarms } from "./cluster-alarms.ts";
import type { FunctionName } from "./function-code.ts";
import type { Network } from "./network.ts";
import type { Notices } from "./notices.ts";
import { backupRole, verifyRole } from "./roles.ts";
import type { SnapshotVault } from "./snapshot-vault.ts";

export interface ClusterBackupProps {
  readonly deployment: Deployment;
  /** A cluster of the configuration. */
  readonly cluster: string;
  readonly vault: SnapshotVault;
  readonly notices: Notices;
  /** Left out: outside a VPC. */
  readonly network?: Network | undefined;
}

interface Run {
  readonly step: Step;
  readonly starts: PolicyStatement;
  readonly duration: { readonly name: string; readonly metric: IMetric; readonly seconds: number };
}

/** The backup of one cluster on its schedule, verified by another role, with alarms for what fails and what stays away. */
export class ClusterBackup extends Construct {
  readonly stateMachine: StateMachine;

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
      starts: [backup.starts, verify.starts],
    }).stateMachine;
    new BackupSchedule(this, "Start", { cluster, stateMachine: this.stateMachine, notices });
    new ClusterAlarms(this, "Alarms", {
      deployment,
      cluster,
      notices,
      stateMachine: this.stateMachine,
      durations: [backup.duration, verify.duration],
    });
  }

  #run(name: FunctionName, props: ClusterBackupProps): Run {
    const cluster = clusterNamed(props.deployment, props.cluster);
    const { sizes } = cluster;
    if (sizes.kind === "task") throw new Error("not yet");
    return this.#asFunction(name, props, sizes);
  }

  #asFunction(name: FunctionName, { deployment, cluster: clusterName, vault, network }: ClusterBackupProps, sizes: FunctionSizes): Run {
    const cluster = clusterNamed(deployment, clusterName);
    const service = "lambda.amazonaws.com";
    const id = name === "backup" ? "Backup" : "Verify";
    const role = (name === "backup" ? backupRole : verifyRole)(this, `${id}Role`, { deployment, cluster, vault, service });
    const made = new BackupFunction(this, id, { deployment, cluster, name, sizes, role, network }).function;
    return {
      step: {
        resource: "arn:aws:states:::lambda:invoke",
        arguments: { FunctionName: made.functionArn, Payload: "{% $states.input %}" },
        outcome: "$states.result.Payload",
        seconds: sizes.seconds,
      },
      starts: new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [made.functionArn] }),
      duration: { name, metric: made.metricDuration({ statistic: Stats.MAXIMUM, period: Duration.minutes(5) }), seconds: sizes.seconds },
    };
  }
}
