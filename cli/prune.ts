import { LifeboatError } from "../shared/errors.ts";
import { BRAKES } from "../shared/jobs/prune/brakes.ts";
import type { Brake, BrakeName } from "../shared/jobs/prune/brakes.ts";
import { executeOrder } from "../shared/jobs/prune/execute.ts";
import type { Execution } from "../shared/jobs/prune/execute.ts";
import { orderRemovals, waitingBrakes } from "../shared/jobs/prune/order.ts";
import type { OrderOutcome } from "../shared/jobs/prune/order.ts";
import { outlineOf, planRemovals, rehearseRemovals } from "../shared/jobs/prune/plan.ts";
import type { PrunePolicy, RehearsedPlan } from "../shared/jobs/prune/plan.ts";
import { policyWarnings } from "../shared/retention/policy.ts";
import type { Ports } from "../shared/wire/ports.ts";
import { prunePolicyOf } from "../shared/wire/prune-policy.ts";
import type { Register, Session } from "./command.ts";
import { note, printLongJson } from "./console.ts";
import type { Console } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { printExecution, printOrder, printPlan } from "./prune-text.ts";
import { pruneJson } from "./prune-json.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";

interface Options {
  readonly dryRun?: boolean;
  readonly order?: boolean;
  readonly execute?: boolean;
  readonly although?: readonly string[];
}

/** `lifeboat prune`. */
export const registerPrune: Register = (program, run) => {
  program
    .command("prune")
    .summary("remove snapshots that retention does not keep")
    .description(
      "Remove the snapshots of a cluster that its retention policy does not keep. First an order, which names what is to be removed, is signed with the audit key and recorded in the custody log. Then exactly what it names is removed. The newest good snapshot always stays, and so do snapshots that are pinned, locked or in a frozen lineage. If one role orders and another removes, the first runs --order and the second --execute.",
    )
    .argument("<cluster>", "which cluster")
    .option("--dry-run", "show what would be removed and what would stay, with the reasons; change nothing")
    .option("--order", "sign and record the order, but remove nothing")
    .option("--execute", "remove what the newest valid order names, and order nothing; needs no key")
    .option("--although <name...>", `remove even if: ${BRAKES.join(", ")}`)
    .addHelpText("after", "\nExample:\n  $ lifeboat prune prod --dry-run\n  $ lifeboat prune prod")
    .action((cluster: string, options: Options) => run((session) => prune(session, cluster, options)));
};

async function prune(session: Session, cluster: string, options: Options): Promise<ExitCode> {
  keepMemorySteady();
  const { console, json } = session;
  const { signal } = console;
  const { dryRun = false } = options;
  const although = brakesIn(options);
  const mode = modeOf(options);
  const loaded = await session.loadConfig();
  const { policy, lockMs, keptLockMs } = prunePolicyOf(loaded, cluster);
  const progress = new ConsoleProgress(console);
  const ports = { ...(await session.openPorts()), progress };
  await requireCluster(session, ports.blobs, cluster);
  for (const warning of policyWarnings(cluster, policy.retention)) note(console, `warning: ${warning}`);
  const first = mode === "execute" ? undefined : await planAndOrder(session, ports, cluster, { policy, although, dryRun });
  const ordered = first?.ordered;
  const executes = mode === "execute" || (mode === "order-and-execute" && ordered !== undefined && ordered.outcome !== "waits");
  const execution = executes ? await executeOrder(ports, cluster, policy, { although, lockMs, keptLockMs, dryRun, signal }) : undefined;
  if (execution !== undefined && !json)
    printExecution(console, cluster, execution, { dryRun, freesAtOnce: loaded.config.store.kind !== "kopia" });
  const shown = first?.plan ?? execution?.plan;
  if (shown === undefined) throw new Error("prune neither planned nor executed");
  const brakes = execution?.brakes ?? waitingBrakes(shown, although);
  if (json)
    await printLongJson(console, "prune", pruneJson({ cluster, mode: dryRun ? "dry-run" : mode, plan: shown, brakes, ordered, execution }));
  for (const { name, message, fix } of brakes)
    note(console, `warning: nothing is removed: ${message}; ${fix}. To remove all the same: --although ${name}`);
  tellUnclear(console, cluster, shown);
  return hasFindings(shown, brakes, execution) ? 6 : 0;
}

/** What was planned, and ordered unless it is a dry run. What the order was made from, which of ten thousand snapshots is forty megabytes, is let go with the end of it. */
async function planAndOrder(
  { console, json }: Session,
  ports: Ports,
  cluster: string,
  { policy, although, dryRun }: { readonly policy: PrunePolicy; readonly although: readonly BrakeName[]; readonly dryRun: boolean },
): Promise<{ readonly plan: RehearsedPlan; readonly ordered: OrderOutcome | undefined }> {
  const { signal } = console;
  const plan = dryRun ? undefined : await planRemovals(ports, cluster, policy, signal);
  const outline = plan === undefined ? await rehearseRemovals(ports, cluster, policy, signal) : outlineOf(plan);
  if (!json) printPlan(console, cluster, outline);
  if (plan === undefined) return { plan: outline, ordered: undefined };
  const ordered = await orderRemovals(ports, cluster, plan, { although, signal });
  if (!json) printOrder(console, ordered);
  return { plan: outline, ordered };
}

/** So many lines a person reads; --json has all of them. */
const MOST_UNCLEAR = 10;

function tellUnclear(console: Console, cluster: string, { unclear }: RehearsedPlan): void {
  for (const { key, reason } of unclear.slice(0, MOST_UNCLEAR))
    note(console, `warning: ${key} is kept, since something about it cannot be told: ${printable(reason)}`);
  if (unclear.length > MOST_UNCLEAR) note(console, `warning: and ${unclear.length - MOST_UNCLEAR} more: --json lists them`);
  if (unclear.length > 0)
    note(console, `hint: it is kept until a person has looked: lifeboat custody ${cluster} --verify says what is wrong`);
}

function brakesIn({ although = [] }: Options): readonly BrakeName[] {
  return although.map((name) => {
    const known = BRAKES.find((each) => each === name);
    if (known !== undefined) return known;
    throw new LifeboatError("usage", `--although "${name}" is not one of the reasons that stop a prune`, {
      hint: `give one of ${BRAKES.join(", ")}`,
    });
  });
}

function modeOf({ order = false, execute = false }: Options): "order" | "execute" | "order-and-execute" {
  if (order && execute)
    throw new LifeboatError("usage", "--order and --execute exclude each other", { hint: "leave both out to order and remove in one run" });
  if (order) return "order";
  return execute ? "execute" : "order-and-execute";
}

function hasFindings({ unclear }: RehearsedPlan, brakes: readonly Brake[], execution: Execution | undefined): boolean {
  if (brakes.length > 0 || unclear.length > 0) return true;
  return (
    execution !== undefined && (execution.orderRefused !== undefined || execution.refused.length > 0 || execution.locks.failed.length > 0)
  );
}
