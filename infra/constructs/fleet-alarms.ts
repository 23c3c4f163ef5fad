import { Duration } from "aws-cdk-lib";
import { ComparisonOperator, Stats, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { IMetric } from "aws-cdk-lib/aws-cloudwatch";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { METRICS } from "../../shared/contract/service.ts";
import { WATCH_TICK_MS } from "../../shared/fleet/pace.ts";
import { HEADINGS } from "../runbook.ts";
import type { Heading } from "../runbook.ts";
import { addAlarm } from "./alarm.ts";
import type { LoudAlarmProps } from "./alarm.ts";
import { lifeboatMetric } from "./lifeboat-metric.ts";
import type { FunctionContext } from "./service-context.ts";

/** A state machine of the fleet, and what its functions took. */
export interface Machines {
  readonly name: string;
  readonly stateMachine: StateMachine;
  /** How often it is started. */
  readonly tickMs: number;
  readonly durations: readonly { readonly name: string; readonly metric: IMetric; readonly seconds: number }[];
}

export interface FleetAlarmsProps {
  readonly context: FunctionContext;
  readonly machines: readonly Machines[];
  readonly hasReplicas: boolean;
}

const FIVE_MINUTES = Duration.minutes(5);
/** Time to get a certificate from people who are on holiday. */
const CERTIFICATE_DAYS = 14;
/** From here on a database that grows reaches the limit before somebody looks by chance. */
const NEAR = 0.8;
/** One start may be lost or late. */
const TICKS_MISSED = 3;

const NAMED = "the notice of the run, and the log of the function, say of which cluster";

/**
 * What is loud for a fleet: as many alarms for one cluster as for a thousand, on sums over all of them. A cluster that is missed has a notice with its name, by the watch; what a run found has one by its state machine.
 */
export class FleetAlarms extends Construct {
  readonly names: string[] = [];
  readonly #context: FunctionContext;

  constructor(scope: Construct, id: string, { context, machines, hasReplicas }: FleetAlarmsProps) {
    super(scope, id);
    this.#context = context;
    for (const { name, stateMachine, tickMs, durations } of machines) {
      this.#absent(name, stateMachine, tickMs);
      this.#present(
        `${name}-failed`,
        stateMachine.metricFailed({ period: FIVE_MINUTES }),
        HEADINGS.fleet,
        `${name}: a round over the clusters failed as a whole: nobody knows who is due, or who is missed`,
      );
      for (const each of durations)
        this.#add(`${name}-duration-${each.name}`, {
          ...this.#common(
            `${name}-duration-${each.name}`,
            HEADINGS.duration,
            `${name}: ${each.name} of a cluster took more than ${NEAR * 100} % of its ${each.seconds} s; ${NAMED}`,
          ),
          metric: each.metric,
          comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: NEAR * each.seconds * 1000,
          treatMissingData: TreatMissingData.NOT_BREACHING,
        });
    }
    this.#add("missed", {
      ...this.#common(
        "missed",
        HEADINGS.missed,
        "clusters have no good backup within their rpo; each has a notice of its own, with its name",
      ),
      // The greatest: a zero from elsewhere hides nothing.
      metric: this.#metric(METRICS.clustersMissed, Stats.MAXIMUM, Duration.millis(2 * WATCH_TICK_MS)),
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      // Where nobody looks, the alarm of the watch is loud.
      treatMissingData: TreatMissingData.IGNORE,
      tellsOfRecovery: true,
    });
    this.#counted(
      "lists",
      METRICS.listsUnbelieved,
      HEADINGS.lists,
      "a list of clusters is in the store that is not believed; the one before it is in force",
    );
    this.#counted("unverifiable", METRICS.verifyFailed, HEADINGS.verifyFailed, `a backup could not be verified; ${NAMED}`);
    if (hasReplicas)
      this.#counted("replica", METRICS.replicaFailed, HEADINGS.replica, `a verified backup is not whole in every replica; ${NAMED}`);
    this.#counted("unproven", METRICS.backupUnproven, HEADINGS.unproven, `too few members confirmed a backup; ${NAMED}`);
    this.#counted("quarantined", METRICS.backupQuarantined, HEADINGS.quarantined, `a backup was kept in quarantine; ${NAMED}`);
    this.#counted("dissent", METRICS.dissent, HEADINGS.dissent, `a member's data differs from the quorum's; ${NAMED}`);
    this.#counted("lineage", METRICS.newLineage, HEADINGS.lineage, `a lineage was opened, or is there that no backup opened; ${NAMED}`);
    this.#counted("waits", METRICS.removalWaits, HEADINGS.waits, `what retention no longer keeps waits for a person to look; ${NAMED}`);
    this.#counted("order", METRICS.orderFailed, HEADINGS.order, `what retention no longer keeps could not be ordered to go; ${NAMED}`);
    this.#counted(
      "unfollowed",
      METRICS.orderUnfollowed,
      HEADINGS.stuck,
      `what was ordered to go more than a day ago is still there; ${NAMED}`,
    );
    this.#counted(
      "storage",
      METRICS.unaccountedBytes,
      HEADINGS.storage,
      `the store holds more than what is kept and half as much again; ${NAMED}`,
    );
    this.#counted("key", METRICS.keyUnusable, HEADINGS.key, "a key is disabled, about to be deleted, or gone");
    this.#add("certificate", {
      ...this.#common("certificate", HEADINGS.certificate, `a certificate runs out within ${CERTIFICATE_DAYS} days; ${NAMED}`),
      metric: this.#metric(METRICS.certificateDays, Stats.MINIMUM, Duration.hours(1)),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: CERTIFICATE_DAYS,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }

  /** An alarm where a schedule starts nothing: silence breaches. As AWS counts starts, which no function can write. */
  #absent(name: string, stateMachine: StateMachine, tickMs: number): void {
    const period = Duration.millis(Math.max(tickMs, FIVE_MINUTES.toMilliseconds()));
    this.#add(`${name}-silent`, {
      ...this.#common(
        `${name}-silent`,
        HEADINGS.silent,
        `${name}: no round over the clusters was started for ${TICKS_MISSED} times of its schedule`,
      ),
      metric: stateMachine.metricStarted({ statistic: Stats.SUM, period }),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: TICKS_MISSED,
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

  #add(id: string, props: LoudAlarmProps): void {
    addAlarm(this, id, props);
    this.names.push(props.alarmName);
  }

  #metric(metric: string, statistic: string, period: Duration): IMetric {
    return lifeboatMetric(this.#context.serviceName, undefined, metric, statistic, period);
  }

  #common(
    name: string,
    heading: Heading,
    what: string,
  ): Pick<LoudAlarmProps, "alarmName" | "what" | "heading" | "runbook" | "notifications" | "evaluationPeriods"> {
    const { serviceName, runbook, notifications } = this.#context;
    return { alarmName: `${serviceName}-fleet-${name}`, what, heading, runbook, notifications, evaluationPeriods: 1 };
  }
}
