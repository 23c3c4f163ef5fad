import type { PlanOutcome, WatchOutcome } from "../shared/contract/outcomes.ts";
import { ATTEMPTS, TOLERATED_FAILURE_PERCENT } from "../shared/fleet/pace.ts";
import { CAUSE, retryOfStart } from "./definition.ts";
import type { Definition } from "./definition.ts";
import { HEADINGS, runbookLink } from "./runbook.ts";
import type { Heading } from "./runbook.ts";

/**
 * What goes over the clusters of a fleet, as state machines (Amazon States Language). A planner says who is due, and a Distributed Map runs a child workflow for each: so many at once, each with a history of its own, and whichever fails leaves the others alone.
 * The map is written with JSONPath, which an emulator runs as well as AWS does; all other states with JSONata.
 */

type States = Readonly<Record<string, object>>;

/** What a child workflow does for one cluster, which is its input. */
type Child = Definition;

export interface RoundProps {
  /** What it does, for a person who reads the definition. */
  readonly comment: string;
  readonly partition: string;
  readonly topicArn: string;
  /** The ARN of the planner. */
  readonly planner: string;
  /** How many clusters at once. */
  readonly concurrency: number;
  readonly child: Child;
  /** Of the service, for people. */
  readonly serviceName: string;
  readonly runbook: string | undefined;
}

const JSONATA = { QueryLanguage: "JSONata" };
/** A round that waits for room is given up after a day: the next ones have long made it good. */
const ROUND_SECONDS = 86_400;
const PLAN_SECONDS = 120;

/** The planner, then a child for each cluster that is due. */
export function roundDefinition(props: RoundProps): object {
  const { comment, partition, planner, concurrency, child, serviceName } = props;
  const due: `$.${keyof PlanOutcome}` = "$.due";
  return {
    Comment: `etcd-lifeboat: ${comment}`,
    StartAt: "Plan",
    TimeoutSeconds: ROUND_SECONDS,
    States: {
      Plan: {
        ...call(partition, planner, "$states.input", PLAN_SECONDS),
        Retry: [anyFailure(), retryOfStart()],
        Output: "{% $states.result.Payload %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: failureAs(JSON.stringify(serviceName)), Next: "TellPlan" }],
        Next: "Clusters",
      },
      Clusters: {
        Type: "Map",
        Label: "Clusters",
        ItemsPath: due,
        MaxConcurrency: concurrency,
        ToleratedFailurePercentage: TOLERATED_FAILURE_PERCENT,
        ItemProcessor: {
          ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
          StartAt: child.StartAt,
          States: inJsonata(child.States),
        },
        // Of a thousand children no state has room for what each gives.
        ResultPath: null,
        Next: "Done",
      },
      Done: { Type: "Succeed" },
      TellPlan: {
        ...publish(props, {
          subject: JSON.stringify(`etcd-lifeboat: the fleet of ${serviceName} could not be planned`),
          heading: HEADINGS.fleet,
          message: { code: "$states.input.code", message: "$states.input.message" },
        }),
        Output: "{% $states.input %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: "{% $states.input %}", Next: "Failed" }],
        Next: "Failed",
      },
      Failed: { ...JSONATA, ...FAIL },
    },
  };
}

/** A child that calls a function for its cluster. What fails is told by its name. */
export function callingChild(
  props: Pick<RoundProps, "partition" | "topicArn" | "runbook">,
  { functionArn, payload, seconds, failure, heading }: ChildCall,
): Child {
  return {
    StartAt: "Call",
    States: {
      Call: {
        ...call(props.partition, functionArn, payload, seconds),
        Retry: [retryOfStart()],
        Output: "{% {} %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: failureAs("$states.input.cluster"), Next: "Tell" }],
        Next: "Done",
      },
      Done: { Type: "Succeed" },
      Tell: {
        ...publish(props, {
          subject: `${JSON.stringify(`etcd-lifeboat: ${failure} of `)} & $substring($states.input.cluster, 0, 48)`,
          heading,
          message: { cluster: "$states.input.cluster", code: "$states.input.code", message: "$states.input.message" },
        }),
        Output: "{% $states.input %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: "{% $states.input %}", Next: "Failed" }],
        Next: "Failed",
      },
      Failed: FAIL,
    },
  };
}

export interface ChildCall {
  readonly functionArn: string;
  /** JSONata: what it is called with. */
  readonly payload: string;
  readonly seconds: number;
  /** What failed, before "of CLUSTER": at most 30 characters. */
  readonly failure: string;
  readonly heading: Heading;
}

/** The states of a cluster's own state machine as a child: of its end nothing is kept but whose it was. */
export function backupChild({ StartAt, States }: Child): Child {
  return {
    StartAt,
    States: {
      ...States,
      Done: { Type: "Succeed", Output: '{% {"cluster": $states.input.verify.cluster, "id": $states.input.verify.id} %}' },
      Skipped: { Type: "Succeed", Output: "{% {} %}" },
    },
  };
}

export interface WatchProps extends Pick<RoundProps, "partition" | "topicArn" | "serviceName" | "runbook"> {
  /** The ARN of the watch. */
  readonly watch: string;
  readonly seconds: number;
}

/** Looks at what is stored of all clusters, tells of each that is missed by its name, and remembers what was told: a notice that could not be sent is sent by the next look. */
export function watchDefinition(props: WatchProps): object {
  const { partition, watch, seconds, serviceName } = props;
  const toTell: `$.${keyof WatchOutcome}` = "$.toTell";
  const told: `$states.input.${keyof WatchOutcome}` = "$states.input.told";
  return {
    Comment: `etcd-lifeboat: tells which clusters of ${serviceName} have no backup within their rpo`,
    StartAt: "Look",
    TimeoutSeconds: 3 * seconds,
    States: {
      Look: {
        ...call(partition, watch, "$states.input", seconds),
        Retry: [anyFailure(), retryOfStart()],
        Output: "{% $states.result.Payload %}",
        Next: "Notices",
      },
      Notices: {
        Type: "Map",
        ItemsPath: toTell,
        MaxConcurrency: 5,
        ItemProcessor: {
          ProcessorConfig: { Mode: "INLINE" },
          StartAt: "Tell",
          States: {
            Tell: {
              ...publish(props, {
                subject: "$states.input.subject",
                heading: HEADINGS.missed,
                message: {
                  cluster: "$states.input.cluster",
                  state: "$states.input.state",
                  since: "$states.input.since",
                  labels: "$states.input.labels",
                  findings: "$states.input.problems",
                },
              }),
              Output: "{% {} %}",
              End: true,
            },
          },
        },
        ResultPath: null,
        Next: "Remember",
      },
      Remember: {
        ...call(partition, watch, `{"told": ${told}}`, seconds),
        Retry: [anyFailure(), retryOfStart()],
        Output: "{% {} %}",
        End: true,
      },
    },
  };
}

const FAIL = { Type: "Fail", Error: "{% $states.input.code %}", Cause: "{% $states.input.message %}" };

/** Other than the backup of a cluster these read documents and change nothing: whatever failed is tried again. */
function anyFailure(): object {
  const { retries, intervalSeconds, backoff } = ATTEMPTS;
  return { ErrorEquals: ["States.TaskFailed"], IntervalSeconds: intervalSeconds, MaxAttempts: retries, BackoffRate: backoff };
}

function call(partition: string, functionArn: string, payload: string, seconds: number): object {
  return {
    ...JSONATA,
    Type: "Task",
    Resource: `arn:${partition}:states:::lambda:invoke`,
    Arguments: { FunctionName: functionArn, Payload: `{% ${payload} %}` },
    TimeoutSeconds: seconds + 60,
  };
}

function failureAs(cluster: string): object {
  return { cluster: `{% ${cluster} %}`, code: `{% ${CAUSE.code} %}`, message: `{% ${CAUSE.message} %}` };
}

function publish(
  { partition, topicArn, runbook }: Pick<RoundProps, "partition" | "topicArn" | "runbook">,
  {
    subject,
    heading,
    message,
  }: { readonly subject: string; readonly heading: Heading; readonly message: Readonly<Record<string, string>> },
): object {
  const fields = {
    ...message,
    runbook: JSON.stringify(runbookLink(runbook, heading)),
    execution: "$states.context.Execution.Id",
  };
  const written = Object.entries(fields).map(([name, expression]) => `${JSON.stringify(name)}: ${expression}`);
  return {
    ...JSONATA,
    Type: "Task",
    Resource: `arn:${partition}:states:::sns:publish`,
    Arguments: { TopicArn: topicArn, Subject: `{% ${subject} %}`, Message: `{% $string({${written.join(", ")}}, true) %}` },
    Retry: [{ ErrorEquals: ["States.TaskFailed"], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: ATTEMPTS.backoff }],
  };
}

function inJsonata(states: States): States {
  return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, { ...JSONATA, ...state }]));
}
