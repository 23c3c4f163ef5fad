import type { BackupEvent } from "../shared/contract/events.ts";
import type { BackupOutcome, ExecutionOutcome, OrderReport } from "../shared/contract/outcomes.ts";
import { RETRYABLE_CODES } from "../shared/errors.ts";
import type { ErrorCode } from "../shared/errors.ts";
import { headingOfFamily, HEADINGS, runbookLink } from "./runbook.ts";

/** How a cluster is backed up and verified, and what retention no longer keeps is removed, as a state machine (Amazon States Language with JSONata). */

export interface DefinitionProps {
  readonly cluster: string;
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
/** A second and a third attempt, 30 s and 60 s later: a leader is elected in seconds, a member restarts in less than a minute. What lasts longer is for the next slot. */
const RETRIES = 2;
const INTERVAL_SECONDS = 30;
const BACKOFF = 2;
/** A start that AWS has no room for is tried longer: many clusters may be due in the same minute, and a new account runs ten functions at once. */
const STARTS = { interval: 10, retries: 8, longest: 120 };
/** What AWS's own answer to the call may be, though the function is well. https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const AWS_CODES = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"];

export function definitionOf({ cluster, partition, topicArn, backup, verify, keeper, runbook }: DefinitionProps): object {
  const publish = (subject: string, message: object): object => ({
    Type: "Task",
    Resource: `arn:${partition}:states:::sns:publish`,
    Arguments: { TopicArn: topicArn, Subject: subject, Message: `{% $string(${write(message)}, true) %}` },
    Retry: [{ ErrorEquals: ["States.TaskFailed"], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: BACKOFF }],
  });
  return {
    Comment: `etcd-lifeboat: backs ${cluster} up, has the snapshot verified by another role, and what that ordered to go removed by a third`,
    QueryLanguage: "JSONata",
    StartAt: "Backup",
    TimeoutSeconds: secondsOf(backup) + secondsOf(verify) + secondsOf(keeper) + LEEWAY_SECONDS,
    States: {
      // A start that was delivered again, of a slot that was backed up and that retention has removed: there is nothing to do.
      Backup: {
        ...step(backup, "backup", [{ ErrorEquals: [REMOVED], Next: "Skipped" }]),
        Output: `{% ${backup.outcome} %}`,
        Next: "NeedsAttention",
      },
      NeedsAttention: {
        Type: "Choice",
        Choices: [{ Condition: `{% ${backed("needsAttention")} %}`, Next: "TellFindings" }],
        Default: "Verify",
      },
      TellFindings: {
        ...publish(`etcd-lifeboat: the backup of ${shortened(cluster)} needs a person`, {
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
        ...step(verify, "verify"),
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
        ...step(keeper, "keeper"),
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
        ...publish(`etcd-lifeboat: retention of ${shortened(cluster)} needs a person`, {
          cluster: JSON.stringify(cluster),
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
        ...publish(`etcd-lifeboat: ${shortened(cluster)} has no new verified backup`, {
          cluster: JSON.stringify(cluster),
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

function step({ resource, arguments: Arguments, seconds }: Step, name: string, before: readonly object[] = []): object {
  return {
    Type: "Task",
    Resource: resource,
    Arguments,
    TimeoutSeconds: seconds + LEEWAY_SECONDS,
    Retry: [
      {
        ErrorEquals: [...RETRYABLE_CODES],
        IntervalSeconds: INTERVAL_SECONDS,
        MaxAttempts: RETRIES,
        BackoffRate: BACKOFF,
        JitterStrategy: "FULL",
      },
      {
        ErrorEquals: AWS_CODES,
        IntervalSeconds: STARTS.interval,
        MaxAttempts: STARTS.retries,
        BackoffRate: BACKOFF,
        MaxDelaySeconds: STARTS.longest,
        JitterStrategy: "FULL",
      },
    ],
    Catch: [
      ...before,
      {
        ErrorEquals: ["States.ALL"],
        Output: { step: name, code: `{% ${CODE} %}`, message: `{% ${MESSAGE} %}` },
        Next: "TellFailure",
      },
    ],
  };
}

const CODE = "$states.errorOutput.Error";
/** A function's error is JSON with `errorMessage`; what Step Functions itself says, of a timeout for one, is text, or nothing. */
const MESSAGE =
  '($cause := $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : ""; $contains($cause, /^\\{.*"errorMessage"/) ? $parse($cause).errorMessage : $cause)';

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
    (RETRIES + 1) * (seconds + LEEWAY_SECONDS) + pauses(INTERVAL_SECONDS, RETRIES) + pauses(STARTS.interval, STARTS.retries, STARTS.longest)
  );
}

/** The pauses before so many retries, in all. */
function pauses(interval: number, retries: number, longest = Infinity): number {
  return Array.from({ length: retries }, (_, index) => Math.min(interval * BACKOFF ** index, longest)).reduce((sum, each) => sum + each, 0);
}

/** SNS takes 100 characters of a subject, and a cluster's name may have 63. */
function shortened(cluster: string): string {
  return cluster.length <= 48 ? cluster : `${cluster.slice(0, 45)}...`;
}
