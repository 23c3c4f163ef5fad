import { findCluster } from "../shared/config/find-cluster.ts";
import { LifeboatError } from "../shared/errors.ts";
import { invokeBackup } from "../shared/jobs/invoke.ts";
import type { InvokeResult } from "../shared/jobs/invoke.ts";
import type { ExecutionOutcome } from "../shared/contract/outcomes.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatBytes, formatFields } from "./format.ts";
import { registerInvokeBundle } from "./invoke-bundle.ts";

const STATE_MACHINE = /^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^:]+(:[^:]+)?$/;

interface Options {
  readonly stateMachine?: string;
}

/** `lifeboat invoke backup` and `lifeboat invoke bundle`. */
export const registerInvoke: Register = (program, run) => {
  const invoke = program
    .command("invoke")
    .summary("have the deployed service back up, or make a bundle")
    .description("Have the deployed service in AWS do something now, with your own AWS credentials.")
    .addHelpText("after", "\nExample:\n  $ lifeboat invoke backup prod");
  invoke
    .command("backup")
    .summary("start a backup of a cluster, and watch it")
    .description(
      "Start the deployed service's backup of a cluster with your own AWS credentials, and watch it until the snapshot is verified. Needs states:ListStateMachines, StartExecution, DescribeExecution and GetExecutionHistory.",
    )
    .argument("<cluster>", "a cluster of the configuration")
    .option("--state-machine <arn>", "the cluster's state machine (default: found by service.name of the configuration)")
    .addHelpText(
      "after",
      "\nThe exit codes are those of lifeboat backup. Ctrl-C stops watching only.\n\nExample:\n  $ lifeboat invoke backup prod",
    )
    .action((cluster: string, options: Options) =>
      run(async (session) => {
        const { console } = session;
        const loaded = await session.loadConfig();
        findCluster(loaded, cluster);
        const stateMachine = parseArn(options.stateMachine);
        const { openExecutions } = await import("../shared/wire/executions.ts");
        const ports = {
          executions: await openExecutions(loaded, stateMachine, session.surroundings),
          clock: console.clock,
          onStart: (execution: string) => note(console, `started ${execution}`),
          onState: (name: string) => note(console, `entered ${name}`),
        };
        const service = loaded.config.service.name;
        return report(session, await invokeBackup(ports, { cluster, service, stateMachine, signal: console.signal }));
      }),
    );
  registerInvokeBundle(invoke, run);
};

function parseArn(text: string | undefined): string | undefined {
  if (text === undefined || STATE_MACHINE.test(text)) return text;
  throw new LifeboatError("usage", `--state-machine "${text}" is not the ARN of a state machine`, {
    hint: "give one such as arn:aws:states:eu-central-1:111122223333:stateMachine:lifeboat-prod",
  });
}

function report(session: Session, { execution, outcome }: InvokeResult): ExitCode {
  const { console, json } = session;
  if (outcome === undefined) {
    note(console, `no longer watching; the execution goes on: ${execution}`);
    note(console, `hint: to stop it: aws stepfunctions stop-execution --execution-arn ${execution}`);
    return 130;
  }
  if (json) printJson(console, "invoke", { execution, ...outcome });
  else print(console, formatFields(fieldsOf(outcome)));
  return codeOf(outcome);
}

/** As `lifeboat backup` ends, which fills the replicas itself. */
export function codeOf(outcome: ExecutionOutcome): ExitCode {
  const { backup, verify } = outcome;
  return backup.needsAttention || notFilled(verify).length > 0 || removalFindings(outcome).length > 0 ? 6 : 0;
}

/** Why a person should look at what became of older snapshots. */
function removalFindings({ verify: { order }, keeper, keeperFailure }: ExecutionOutcome): readonly string[] {
  return [
    ...order.brakes.map(({ message, fix }) => `nothing is removed, since ${message}; ${fix}`),
    ...(order.message === null ? [] : [order.message]),
    ...(keeper?.findings ?? []),
    ...(keeperFailure === null ? [] : [`the keeper failed: ${keeperFailure.message}`]),
  ].map((finding) => finding.replaceAll("\n", "; "));
}

function notFilled({ replicas }: ExecutionOutcome["verify"]): readonly string[] {
  return replicas.filter(({ outcome }) => outcome === "failed").map(({ replica }) => replica);
}

/** What a person is shown of it. */
export function fieldsOf(outcome: ExecutionOutcome): [string, string][] {
  const { backup, verify, keeper } = outcome;
  const filled = verify.replicas.filter((each) => each.outcome !== "failed").map(({ replica }) => replica);
  return [
    ["snapshot", `${backup.cluster}/${backup.id}${backup.existing ? " (the slot was backed up before)" : ""}`],
    ["database", formatBytes(backup.databaseBytes)],
    ["stored", formatBytes(backup.storedBytes)],
    ["proof", backup.proof],
    ...backup.findings.map((finding): [string, string] => ["LOOK", finding]),
    ["verified", verify.countersignature ?? `${verify.notConfirmed}`],
    ...(filled.length === 0 ? [] : [["copied to", filled.join(", ")] satisfies [string, string]]),
    ...notFilled(verify).map((name): [string, string] => ["LOOK", `not copied to ${name}: the log of the verify function says why`]),
    ...(verify.order.subjects === 0
      ? []
      : [["ordered to go", `${verify.order.subjects} objects, ${formatBytes(verify.order.bytes)}`] satisfies [string, string]]),
    ...(keeper === null || keeper.removed === 0
      ? []
      : [["removed", `${keeper.removed} snapshots, ${formatBytes(keeper.removedBytes)}`] satisfies [string, string]]),
    ...removalFindings(outcome).map((finding): [string, string] => ["LOOK", finding]),
    ["manifest", backup.manifestDigest],
    ...(verify.custody === null ? [] : [["custody", verify.custody] satisfies [string, string]]),
  ];
}
