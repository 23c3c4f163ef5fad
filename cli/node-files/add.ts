import type { Command } from "commander";
import { isNodeName } from "../../shared/documents/layout.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { addSet } from "../../shared/jobs/node-files/add.ts";
import { IntakeIdentities } from "../../shared/jobs/node-files/identities.ts";
import { addInbox, clustersInInbox } from "../../shared/jobs/node-files/inbox.ts";
import type { InboxResult } from "../../shared/jobs/node-files/inbox.ts";
import { knownNodes, unknownNode } from "../../shared/jobs/node-files/known-nodes.ts";
import type { NodeFilesPorts } from "../../shared/jobs/node-files/ports.ts";
import { fileSource, inputSource, nodeFilesPorts } from "../../shared/wire/node-files.ts";
import type { Run, Session } from "../command.ts";
import { note, printDone, printJson } from "../console.ts";
import { formatBytes, formatTime, printable } from "../format.ts";
import { ConsoleProgress } from "../progress-bar.ts";
import { requireCluster } from "../require-cluster.ts";
import { refOf, setJson } from "./set-fields.ts";

/** `lifeboat node-files add`. */
export function addAdd(nodeFiles: Command, run: Run): void {
  nodeFiles
    .command("add")
    .summary("take a set that a node collected into the store")
    .description(
      "Open a set, check that it is what collect.sh makes on that node (regular files and folders only, within limits), and store it as the node encrypted it, with a signed document. Without --inbox the set is a file. With --inbox it is everything in the inbox that was not added yet; a set that is refused stops no other, stays where it is, and makes the exit code 6. Needs the key that opens snapshots, and the audit key.",
    )
    .argument("[cluster]", "whose node; with --inbox may be left out")
    .argument("[node]", "the node's name; not with --inbox")
    .argument("[file]", "what collect.sh wrote; - for standard input")
    .option("--inbox", "take what nodes put into the inbox of the store")
    .addHelpText(
      "after",
      "\nExample:\n  $ lifeboat node-files add --inbox\n  $ ssh node-a collect.sh ... | lifeboat node-files add prod node-a -",
    )
    .action((cluster: string | undefined, node: string | undefined, file: string | undefined, options: { readonly inbox?: boolean }) =>
      run(async (session) => {
        if (options.inbox === true && node !== undefined)
          throw new LifeboatError("usage", "--inbox takes no node and no file", { hint: "name a cluster, or nothing more" });
        if (options.inbox !== true && (cluster === undefined || node === undefined || file === undefined))
          throw new LifeboatError("usage", "give a cluster, a node and a file, or --inbox", {
            hint: "lifeboat node-files add prod node-a node-a.age",
          });
        const loaded = await session.loadConfig();
        const wired = await nodeFilesPorts(loaded, session.surroundings, await session.openPorts());
        await requireCluster(session, wired.blobs, cluster);
        const progress = new ConsoleProgress(session.console);
        const ports = { ...wired, progress };
        const { signal } = session.console;
        try {
          if (cluster !== undefined && node !== undefined && file !== undefined)
            return report(session, await addFile(session, ports, { cluster, node, file }));
          const clusters = cluster === undefined ? await clustersInInbox(ports, Object.keys(loaded.config.clusters), signal) : [cluster];
          return report(session, await addInbox(ports, { clusters, signal }));
        } finally {
          progress.close();
        }
      }),
    );
}

type Result = Omit<InboxResult, "added"> & {
  readonly added: readonly (Omit<InboxResult["added"][number], "inboxKey"> & { readonly inboxKey?: string })[];
};

async function addFile(
  session: Session,
  ports: NodeFilesPorts,
  { cluster, node, file }: { readonly cluster: string; readonly node: string; readonly file: string },
): Promise<Result> {
  const { console } = session;
  if (!isNodeName(node))
    throw new LifeboatError("usage", `"${node}" is not a node's name`, {
      hint: "give letters, digits, '.', '_' and '-', at most 63, beginning with a letter or digit",
    });
  const known = await knownNodes(ports, cluster, console.signal);
  // A person names it: that is enough, and may be a slip.
  if (known?.has(node) === false) note(console, `warning: ${unknownNode(cluster, node, known).message}`);
  await using source =
    file === "-" ? await inputSource(process.stdin, console.signal) : asDisposable(await fileSource(session.resolvePath(file), file));
  const identities = new IntakeIdentities(ports, cluster, console.signal);
  const added = await addSet(ports, identities, { cluster, node, source, signal: console.signal });
  const isAdded = added.outcome === "added";
  return { added: isAdded ? [added] : [], before: isAdded ? 0 : 1, refused: [], passedOver: new Map() };
}

function asDisposable<T extends object>(value: T): T & AsyncDisposable {
  return { ...value, [Symbol.asyncDispose]: () => Promise.resolve() };
}

function report({ console, json }: Session, { added, before, refused, passedOver }: Result): 0 | 6 {
  const left = [...passedOver].map(([name, count]) => {
    const [cluster = "", node = ""] = name.split("/");
    return { cluster, node, count };
  });
  if (json)
    printJson(console, "node-files", {
      added: added.map(({ found, custody, newer, inboxKey }) => ({
        ...setJson(found),
        files: found.document.files.length,
        custody: custody ?? null,
        inbox: inboxKey ?? null,
        newer: newer?.document.collectedAt ?? null,
      })),
      already: before,
      refused: refused.map(({ cluster, key, error }) => ({
        cluster,
        key,
        code: error.code,
        message: error.message,
        hint: error.hint ?? null,
      })),
      passedOver: left,
    });
  else {
    for (const { found } of added)
      printDone(console, `added ${refOf(found.document)}: ${found.document.files.length} files, ${formatBytes(found.document.data.bytes)}`);
    if (added.length === 0 && refused.length === 0)
      printDone(console, before === 0 ? "nothing is in the inbox" : `nothing new: ${before} ${before === 1 ? "was" : "were"} added before`);
  }
  for (const { found, newer } of added)
    if (newer !== undefined)
      note(
        console,
        `warning: ${refOf(found.document)} is older than the newest of the node, which was collected at ${formatTime(newer.document.collectedAt)}: bundles go on with that`,
      );
  for (const { error } of refused) {
    note(console, `refused: ${printable(error.message)}`);
    if (error.hint !== undefined) note(console, `hint: ${error.hint}`);
  }
  for (const { cluster, node, count } of left)
    note(console, `warning: ${count} older objects in the inbox of ${cluster}/${node} were not looked at: the newest are taken`);
  return refused.length > 0 ? 6 : 0;
}
