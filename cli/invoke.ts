import { findCluster } from "../shared/config/find-cluster.ts";
import { LifeboatError } from "../shared/errors.ts";
import { invokeBackup } from "../shared/jobs/invoke.ts";
import type { InvokeResult } from "../shared/jobs/invoke.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatFields } from "./format.ts";
import { registerInvokeBundle } from "./invoke-bundle.ts";
import { codeOf, fieldsOf } from "./invoke-outcome.ts";
import { addLabelOption } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";

const STATE_MACHINE = /^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^:]+(:[^:]+)?$/;

interface Options extends LabelOptions {
  readonly all?: boolean;
  readonly stateMachine?: string;
}

/** `lifeboat invoke backup` and `lifeboat invoke bundle`. */
export const registerInvoke: Register = (program, run) => {
  const invoke = program
    .command("invoke")
    .summary("have the deployed service back up, or make a bundle")
    .description("Have the deployed service in AWS do something now, with your own AWS credentials.")
    .addHelpText("after", "\nExample:\n  $ lifeboat invoke backup prod");
  const backup = invoke
    .command("backup")
    .summary("start a backup of a cluster, or of many, and watch it")
    .description(
      "Start the deployed service's backup of a cluster with your own AWS credentials, and watch it until the snapshot is verified. Needs states:ListStateMachines, StartExecution, DescribeExecution and GetExecutionHistory. With --all or --label of each cluster: of the configuration, or where service.fleet is set of the list in force.",
    )
    .argument("[cluster]", "a cluster of the configuration")
    .option("--all", "each cluster")
    .option("--state-machine <arn>", "the cluster's state machine (default: found by service.name of the configuration)")
    .addHelpText(
      "after",
      "\nThe exit codes are those of lifeboat backup. Ctrl-C stops watching only.\n\nExample:\n  $ lifeboat invoke backup prod\n  $ lifeboat invoke backup --label team=a",
    );
  addLabelOption(backup).action((cluster: string | undefined, options: Options) =>
    run(async (session) => {
      const { console } = session;
      if (options.all === true || options.label !== undefined) {
        requireAlone(cluster, options);
        const { invokeMany } = await import("./invoke-many.ts");
        return invokeMany(session, options.label ?? []);
      }
      if (cluster === undefined)
        throw new LifeboatError("usage", "it is not said which cluster to back up", { hint: "name one, or give --all or --label" });
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

function requireAlone(cluster: string | undefined, { all, label, stateMachine }: Options): void {
  const others = [
    ...(cluster === undefined ? [] : [cluster]),
    ...(all === true && label !== undefined ? ["--label"] : []),
    ...(stateMachine === undefined ? [] : ["--state-machine"]),
  ];
  if (others.length > 0)
    throw new LifeboatError("usage", `${all === true ? "--all" : "--label"} and ${others.join(", ")}: both say which clusters`, {
      hint: "give one of them",
    });
}

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
