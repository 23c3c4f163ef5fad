import type { JsonDocument } from "../shared/contract/documents.ts";
import type { Impact } from "../shared/jobs/look/impact.ts";
import { everyKey } from "../shared/snapshot/key-tests.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { print, printJson, widthOf } from "./console.ts";
import { formatTable } from "./format.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { CLUSTER_FLAG, CLUSTER_HELP, clusterBeside, withLive } from "./with-live.ts";
import { withSnapshot } from "./with-snapshot.ts";

/** `lifeboat impact`. */
export const registerImpact: Register = (program, run) => {
  program
    .command("impact")
    .summary("show what going back to a snapshot would undo")
    .description(
      "Compare a snapshot with the live cluster, and say what going back to it would undo: what was made since is lost, what was deleted since is there again. Objects that stand for something outside the cluster (volumes, load balancers, nodes, certificates) come first, since that does not go back. The cluster is only read.",
    )
    .argument("<ref|file>", "which snapshot")
    .option(CLUSTER_FLAG, CLUSTER_HELP)
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText("after", `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat impact prod/good`)
    .action((what: string, options: { readonly cluster?: string; readonly from?: string }) =>
      run(async (session) => {
        const { console } = session;
        const cluster = await clusterBeside(session, what, options.cluster);
        const progress = new ConsoleProgress(console);
        const ports = { progress, signal: console.signal };
        const words = (ref: string): readonly string[] => ["impact", ref];
        const shown = await withSnapshot(session, { what, from: options.from, progress, words }, async (input) => {
          const [{ differenceToLive, stateOf }, { impactOf, keepsForImpact }] = await Promise.all([
            import("../shared/jobs/look/diff.ts"),
            import("../shared/jobs/look/impact.ts"),
          ]);
          const state = await stateOf(input, { isWanted: everyKey, keepsValue: keepsForImpact }, ports);
          return withLive(session, { cluster, isWanted: everyKey, progress }, async (live) => ({
            snapshot: input.name,
            endpoint: live.endpoint,
            impact: await impactOf(differenceToLive(state, live.entries(console.signal), ports)),
          }));
        }).finally(() => progress.close());
        if (session.json) printJson(console, "impact", documentOf(shown, cluster));
        else print(console, textOf(shown, cluster, widthOf(console.stdout)));
        return 0;
      }),
    );
};

interface Shown {
  readonly snapshot: string;
  readonly endpoint: string;
  readonly impact: Impact;
}

function documentOf({ snapshot, endpoint, impact }: Shown, cluster: string): JsonDocument<"impact"> {
  const { counts, outside, resources } = impact;
  return {
    snapshot,
    cluster,
    endpoint,
    counts,
    outside: outside.map(({ effect, key, meaning }) => ({ effect, ...keyJson(key), meaning })),
    resources: resources.map(({ resource = null, ...effects }) => ({ resource, ...effects })),
  };
}

function textOf({ snapshot, endpoint, impact }: Shown, cluster: string, width: number | undefined): string {
  const { counts, outside, resources } = impact;
  if (resources.length === 0) return `Going back to ${snapshot} would undo nothing: ${cluster} has the same keys and values.`;
  const head = `Going back to ${snapshot} would undo what happened since in ${cluster}, as ${endpoint} has it now: ${counts.lost} lost, ${counts.revived} there again, ${counts.reverted} as they were.`;
  const owners = outside.map(({ effect, object: { resource, namespace, name }, meaning }) => {
    const words = `${resource} ${namespace === undefined ? name : `${namespace}/${name}`}`;
    return `  ${effect}: ${onOneLine(words)}: ${meaning}`;
  });
  const first =
    owners.length === 0 ? [] : [`Objects that stand for something outside the cluster, which does not go back:\n${owners.join("\n")}`];
  const table = formatTable(
    ["RESOURCE", "LOST", "REVIVED", "REVERTED"],
    resources.map(({ resource = "(other keys)", lost, revived, reverted }) => [resource, ...[lost, revived, reverted].map(String)]),
    { width },
  );
  return [head, ...first, table].join("\n\n");
}
