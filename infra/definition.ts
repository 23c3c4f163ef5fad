import type { BackupEvent } from "../shared/contract/events.ts";
import type { BackupOutcome, ExecutionOutcome, OrderReport } from "../shared/contract/outcomes.ts";
import { RETRYABLE_CODES } from "../shared/errors.ts";
import type { ErrorCode } from "../shared/errors.ts";
import { ATTEMPTS, STARTS } from "../shared/fleet/pace.ts";
import { headingOfFamily, HEADINGS, runbookLink } from "./runbook.ts";

/** How a cluster is backed up and verified, and what retention no longer keeps is removed, as a state machine (Amazon States Language with JSONata). */

export interface DefinitionProps {
  /** Undefined where each execution says whose it is: a fleet's. */
  readonly cluster: string | undefined;
  /** `aws`, or what a part of AWS that stands apart calls itself. */
  readonly partition: string;
  readonly topicArn: string;
  readonly backup: Step;
  readonly verify: Step;
  readonly keeper: Step;
  /** Where docs/runbook.md is published; undefined for its path. */
  readonly runbook: string | undefined;
}

/** The task of a step: a function or a container that answers as the function does. */
export interface Step {
  readonly resource: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Where the outcome is in what the task returns. */
  readonly outcome: string;
  /** Of one attempt. */
  readonly seconds: number;
}

/**
 * What a step is called with, as JSONata: the state's input, and for a backup the execution's ARN besides, which the input cannot replace. Each retry of the execution has the same, and nobody knows it before it runs.
 */
export function eventOf(name: "backup" | "verify"): string {
  const execution: keyof BackupEvent = "execution";
  return name === "backup" ? `$merge([$states.input, {"${execution}": $states.context.Execution.Id}])` : "$states.input";
}

/** A field of what the backup function returned, in the states after it. */
function backed(field: keyof BackupOutcome): string {
  return `$states.input.${field}`;
}

/** A field of what the execution gives, in the states after the verification. */
function told(path: `${keyof ExecutionOutcome}${string}`): string {
  return `$states.input.${path}`;
}

function isOrder(...outcomes: readonly OrderReport["outcome"][]): string {
  return `${told("verify.order.outcome")} in ${JSON.stringify(outcomes)}`;
}

/** Beside what a function needs: Lambda ends it first, and says so. */
const LEEWAY_SECONDS = 60;
const BACKOFF = ATTEMPTS.backoff;
/** What AWS's own answer to the call may be, though the function is well. https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const AWS_CODES = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"];

export interface Definition {
  readonly Comment?: string;
  readonly QueryLanguage?: string;
  readonly TimeoutSeconds?: number;
  readonly StartAt: string;
  readonly States: Readonly<Record<string, object>>;
}

export function definitionOf({ cluster, partition, topicArn, backup, verify, keeper, runbook }: DefinitionProps): Definition {
  const failed = cluster === undefined ? { cluster: "{% $states.input.cluster %}" } : {};
  const publish = (subject: string, message: object): object => ({
    Type: "Task",
    Resource: `arn:${partition}:states:::sns:publish`,
    Arguments: { TopicArn: topicArn, Subject: subject, Message: `{% $string(${write(message)}, true) %}` },
    Retry: [{ ErrorEquals: ["States.TaskFailed"], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: BACKOFF }],
  });
  return {
    Comment: `etcd-lifeboat: backs ${cluster ?? "a cluster"} up, has the snapshot verified by another role, and what that ordered to go removed by a third`,
    QueryLanguage: "JSONata",
    StartAt: "Backup",
    TimeoutSeconds: secondsOf(backup) + secondsOf(verify) + secondsOf(keeper) + LEEWAY_SECONDS,
    States: {
      // A start that was delivered again, of a slot that was backed up and that retention has removed: there is nothing to do.
      Backup: {
        ...step(backup, { step: "backup", ...failed }, [{ ErrorEquals: [REMOVED], Next: "Skipped" }]),
        Output: `{% ${backup.outcome} %}`,
        Next: "NeedsAttention",
      },
      NeedsAttention: {
        Type: "Choice",
        Choices: [{ Condition: `{% ${backed("needsAttention")} %}`, Next: "TellFindings" }],
        Default: "Verify",
      },
      TellFindings: {
        ...publish(subjectOf("the backup of ", cluster, backed("cluster"), " needs a person"), {
          cluster: backed("cluster"),
          snapshot: backed("id"),
          findings: backed("findings"),
          runbook: JSON.stringify(runbookLink(runbook, HEADINGS.attention)),
          execution: "$states.context.Execution.Id",
        }),
        Output: "{% $states.input %}",
        // The snapshot is to be verified though nobody could be told: alarms tell of it as well.
        Catch: [{ ErrorEquals: ["States.ALL"], Output: "{% $states.input %}", Next: "Verify" }],
        Next: "Verify",
      },
      Verify: {
        ...step(verify, { step: "verify", ...failed }),
        Output: `{% {"backup": $states.input, "verify": ${verify.outcome}, "keeper": null, "keeperFailure": null} %}`,
        Next: "Removal",
      },
      Removal: {
        Type: "Choice",
        Choices: [
          { Condition: `{% ${isOrder("ordered", "already")} %}`, Next: "Keeper" },
          { Condition: `{% ${isOrder("waits", "failed")} %}`, Next: "TellRemoval" },
        ],
        Default: "Done",
      },
      Keeper: {
        ...step(keeper, { step: "keeper" }),
        Output: `{% $merge([$states.input, {"keeper": ${keeper.outcome}}]) %}`,
        // The snapshot is verified, whatever becomes of older ones: the execution succeeds.
        Catch: [
          { ErrorEquals: ["States.ALL"], Output: `{% $merge([$states.input, {"keeperFailure": ${FAILURE}}]) %}`, Next: "TellRemoval" },
        ],
        Next: "RemovalAttention",
      },
      RemovalAttention: {
        Type: "Choice",
        Choices: [{ Condition: "{% $states.input.keeper.needsAttention %}", Next: "TellRemoval" }],
        Default: "Done",
      },
      TellRemoval: {
        ...publish(subjectOf("retention of ", cluster, told("verify.cluster"), " needs a person"), {
          cluster: cluster === undefined ? told("verify.cluster") : JSON.stringify(cluster),
          order: told("verify.order.outcome"),
          brakes: told("verify.order.brakes"),
          message: told("verify.order.message"),
          keeperFailure: told("keeperFailure"),
          findings: "$states.input.keeper = null ? [] : $states.input.keeper.findings",
          runbook: JSON.stringify(runbookLink(runbook, HEADINGS.removal)),
          execution: "$states.context.Execution.Id",
        }),
        Output: "{% $states.input %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: "{% $states.input %}", Next: "Done" }],
        Next: "Done",
      },
      Done: { Type: "Succeed" },
      TellFailure: {
        ...publish(subjectOf("", cluster, "$states.input.cluster", " has no new verified backup"), {
          cluster: cluster === undefined ? "$states.input.cluster" : JSON.stringify(cluster),
          step: "$states.input.step",
          code: "$states.input.code",
          message: "$states.input.message",
          runbook: linkByCode(runbook),
          execution: "$states.context.Execution.Id",
        }),
        Output: "{% $states.input %}",
        Catch: [{ ErrorEquals: ["States.ALL"], Output: "{% $states.input %}", Next: "Failed" }],
        Next: "Failed",
      },
      Skipped: { Type: "Succeed" },
      Failed: { Type: "Fail", Error: "{% $states.input.code %}", Cause: "{% $states.input.message %}" },
    },
  };
}

const REMOVED: ErrorCode = "ref/removed";

/** `failed`: what the states after a failure are told besides. */
function step({ resource, arguments: Arguments, seconds }: Step, failed: object, before: readonly object[] = []): object {
  return {
    Type: "Task",
    Resource: resource,
    Arguments,
    TimeoutSeconds: seconds + LEEWAY_SECONDS,
    Retry: [
      {
        ErrorEquals: [...RETRYABLE_CODES],
        IntervalSeconds: ATTEMPTS.intervalSeconds,
        MaxAttempts: ATTEMPTS.retries,
        BackoffRate: BACKOFF,
        JitterStrategy: "FULL",
      },
      retryOfStart(),
    ],
    Catch: [
      ...before,
      {
        ErrorEquals: ["States.ALL"],
        Output: { ...failed, code: `{% ${CODE} %}`, message: `{% ${MESSAGE} %}` },
        Next: "TellFailure",
      },
    ],
  };
}

/** Of what AWS says itself. */
export function retryOfStart(): object {
  return {
    ErrorEquals: AWS_CODES,
    IntervalSeconds: STARTS.intervalSeconds,
    MaxAttempts: STARTS.retries,
    BackoffRate: BACKOFF,
    MaxDelaySeconds: STARTS.longestSeconds,
    JitterStrategy: "FULL",
  };
}

const CODE = "$states.errorOutput.Error";
/** A function's error is JSON with `errorMessage`; what Step Functions itself says, of a timeout for one, is text, or nothing. */
const MESSAGE =
  '($cause := $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : ""; $contains($cause, /^\\{.*"errorMessage"/) ? $parse($cause).errorMessage : $cause)';

/** What a state that catches an error says of it, as JSONata. */
export const CAUSE = { code: CODE, message: MESSAGE };

/** Why a step failed, as shared/contract/outcomes.ts has it. */
const FAILURE = `{"code": ${CODE}, "message": ${MESSAGE}}`;

function linkByCode(runbook: string | undefined): string {
  const links = Object.entries(headingOfFamily).map(([family, heading]) => [family, runbookLink(runbook, heading)]);
  const other = JSON.stringify(runbookLink(runbook, HEADINGS.failed));
  return `($link := $lookup(${JSON.stringify(Object.fromEntries(links))}, $substringBefore($states.input.code, "/")); $exists($link) ? $link : ${other})`;
}

function write(expressions: object): string {
  return `{${Object.entries(expressions)
    .map(([name, expression]) => `${JSON.stringify(name)}: ${expression}`)
    .join(", ")}}`;
}

/** All attempts of a step. */
function secondsOf({ seconds }: Step): number {
  return (
    (ATTEMPTS.retries + 1) * (seconds + LEEWAY_SECONDS) +
    pauses(ATTEMPTS.intervalSeconds, ATTEMPTS.retries) +
    pauses(STARTS.intervalSeconds, STARTS.retries, STARTS.longestSeconds)
  );
}

/** The pauses before so many retries, in all. */
function pauses(interval: number, retries: number, longest = Infinity): number {
  return Array.from({ length: retries }, (_, index) => Math.min(interval * BACKOFF ** index, longest)).reduce((sum, each) => sum + each, 0);
}

/** `expression` says the cluster where it is not known here. */
function subjectOf(before: string, cluster: string | undefined, expression: string, after: string): string {
  if (cluster !== undefined) return `etcd-lifeboat: ${before}${shortened(cluster)}${after}`;
  return `{% ${JSON.stringify(`etcd-lifeboat: ${before}`)} & $substring(${expression}, 0, ${SHORT}) & ${JSON.stringify(after)} %}`;
}

const SHORT = 48;

/** SNS takes 100 characters of a subject, and a cluster's name may have 63. */
function shortened(cluster: string): string {
  return cluster.length <= SHORT ? cluster : `${cluster.slice(0, SHORT - 3)}...`;
}
