import { Duration } from "aws-cdk-lib";
import { ComparisonOperator, Stats, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { IMetric } from "aws-cdk-lib/aws-cloudwatch";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { METRICS } from "../../shared/contract/service.ts";
import type { AlarmWindow } from "../alarm-window.ts";
import type { ClusterPlan } from "../cluster-plan.ts";
import { HEADINGS } from "../runbook.ts";
import type { Heading } from "../runbook.ts";
import { addAlarm } from "./alarm.ts";
import type { LoudAlarmProps } from "./alarm.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { ServiceContext } from "./service-context.ts";

export interface ClusterAlarmsProps {
  readonly context: ServiceContext;
  readonly plan: Pick<ClusterPlan, "silence" | "unverified">;
  readonly hasReplicas: boolean;
  readonly stateMachine: StateMachine;
  /** How often the look at the store failed. */
  readonly checkFailures: IMetric;
  /** How long each kind of run took, in milliseconds, and the most that it may take. */
  readonly durations: readonly { readonly name: string; readonly metric: IMetric; readonly seconds: number }[];
}

const FIVE_MINUTES = Duration.minutes(5);
/** Time to get a certificate from people who are on holiday. */
const CERTIFICATE_DAYS = 14;
/** From here on a database that grows reaches the limit before somebody looks by chance. */
const NEAR = 0.8;

/** What is loud for one cluster: what went wrong, and what did not happen. */
export class ClusterAlarms extends Construct {
  readonly names: string[] = [];
  readonly #props: ClusterAlarmsProps;

  constructor(scope: Construct, id: string, props: ClusterAlarmsProps) {
    super(scope, id);
    this.#props = props;
    const { plan, stateMachine } = props;

    // What tells of absence rests on what AWS counts, and on a function that reads the store in a role of its own: whoever has the role of the backup can write any metric of ours into its log.
    this.#absent(
      "silent",
      (period) => stateMachine.metricStarted({ statistic: Stats.SUM, period }),
      plan.silence,
      HEADINGS.silent,
      "no backup was started within the schedule's gap, window and grace",
    );
    this.#absent(
      "not-verified",
      (period) => stateMachine.metricSucceeded({ statistic: Stats.SUM, period }),
      plan.unverified,
      HEADINGS.notVerified,
      "no run ended with a verified backup within the schedule's gap, window, verification and grace",
    );
    this.#add("rpo", {
      ...this.#common("rpo", HEADINGS.rpo, "the newest good backup is older than the rpo, or nobody could see that it is not"),
      metric: props.checkFailures,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      treatMissingData: TreatMissingData.BREACHING,
      tellsOfRecovery: true,
    });

    // As Step Functions sees it: a function that was killed writes no metric of its own. (A sum of both would be metric math, which an emulator refuses.)
    this.#present("failed", stateMachine.metricFailed({ period: FIVE_MINUTES }), HEADINGS.failed, "a run failed");
    this.#present(
      "timed-out",
      stateMachine.metricTimedOut({ period: FIVE_MINUTES }),
      HEADINGS.failed,
      "a run took longer than all its attempts may",
    );
    this.#counted("unverifiable", METRICS.verifyFailed, HEADINGS.verifyFailed, "a backup could not be verified");
    if (props.hasReplicas)
      this.#counted("replica", METRICS.replicaFailed, HEADINGS.replica, "a verified backup is not whole in every replica");
    this.#counted("unproven", METRICS.backupUnproven, HEADINGS.unproven, "too few members confirmed a backup");
    this.#counted("quarantined", METRICS.backupQuarantined, HEADINGS.quarantined, "a backup was kept in quarantine");
    this.#counted("dissent", METRICS.dissent, HEADINGS.dissent, "a member's data differs from the quorum's");
    this.#counted(
      "lineage",
      METRICS.newLineage,
      HEADINGS.lineage,
      "the endpoints answer as another cluster, as an older one, or most keys are gone; or a lineage is there that no backup opened",
    );
    this.#counted("waits", METRICS.removalWaits, HEADINGS.waits, "what retention no longer keeps waits for a person to look");
    this.#counted("order", METRICS.orderFailed, HEADINGS.order, "what retention no longer keeps could not be ordered to go");
    // By the role that orders: a keeper that is dead, or stolen, does not say so itself.
    this.#counted("keeper", METRICS.orderUnfollowed, HEADINGS.stuck, "what was ordered to go more than a day ago is still there");
    this.#counted("storage", METRICS.unaccountedBytes, HEADINGS.storage, "the store holds more than what is kept and half as much again");
    this.#counted("key", METRICS.keyUnusable, HEADINGS.key, "a key is disabled, about to be deleted, or gone");

    this.#add("certificate", {
      ...this.#common("certificate", HEADINGS.certificate, `a certificate runs out within ${CERTIFICATE_DAYS} days`),
      metric: this.#metric(METRICS.certificateDays, Stats.MINIMUM, FIVE_MINUTES),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: CERTIFICATE_DAYS,
      // As it was at the last backup: between two of them there is nothing to say.
      treatMissingData: TreatMissingData.IGNORE,
    });
    for (const { name, metric, seconds } of props.durations) {
      this.#add(`duration-${name}`, {
        ...this.#common(`duration-${name}`, HEADINGS.duration, `${name} took more than ${NEAR * 100} % of its ${seconds} s`),
        metric,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold: NEAR * seconds * 1000,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
    }
  }

  #add(id: string, props: LoudAlarmProps): void {
    addAlarm(this, id, props);
    this.names.push(props.alarmName);
  }

  /** An alarm while there is no such metric for the whole window: silence breaches. */
  #absent(
    name: string,
    metric: (period: Duration) => IMetric,
    { periodSeconds, periods }: AlarmWindow,
    heading: Heading,
    what: string,
  ): void {
    this.#add(name, {
      ...this.#common(name, heading, what),
      metric: metric(Duration.seconds(periodSeconds)),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: periods,
      treatMissingData: TreatMissingData.BREACHING,
      tellsOfRecovery: true,
    });
  }

  #counted(name: string, metric: string, heading: Heading, what: string): void {
    this.#present(name, this.#metric(metric, Stats.SUM, FIVE_MINUTES), heading, what);
  }

  #present(name: string, metric: IMetric, heading: Heading, what: string): void {
    this.#add(name, {
      ...this.#common(name, heading, what),
      metric,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #metric(metric: string, statistic: string, period: Duration): IMetric {
    const { serviceName, cluster } = this.#props.context;
    return lifeboatMetric(serviceName, cluster, metric, statistic, period);
  }

  #common(
    name: string,
    heading: Heading,
    what: string,
  ): Pick<LoudAlarmProps, "alarmName" | "what" | "heading" | "runbook" | "notifications" | "evaluationPeriods"> {
    const { serviceName, cluster, runbook, notifications } = this.#props.context;
    return {
      alarmName: `${serviceName}-${cluster}-${name}`,
      what: `${cluster}: ${what}`,
      heading,
      runbook,
      notifications,
      evaluationPeriods: 1,
    };
  }
}
