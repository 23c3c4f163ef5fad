import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { Change, Difference } from "../shared/jobs/look/diff.ts";
import type { Wanted } from "../shared/jobs/look/get.ts";
import { isFileThere } from "../shared/wire/files.ts";
import { ChangeTally } from "./change-tally.ts";
import { REF_HELP } from "./command.ts";
import type { Register, Session } from "./command.ts";
import { note, widthOf } from "./console.ts";
import { diffObject } from "./diff-object.ts";
import type { DiffObjectOptions } from "./diff-object.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { jsonAround } from "./json-array.ts";
import { KEY_HEX_FLAG, keyOfHex, keyTest, keyWords, NAMESPACE_FLAG, NAMESPACE_HELP, PATTERN_HELP } from "./key-option.ts";
import { ENCRYPTION_CONFIG_FLAG, ENCRYPTION_CONFIG_HELP } from "./kube-reader.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { CLUSTER_FLAG, CLUSTER_HELP, clusterBeside, LIVE, withLive } from "./with-live.ts";
import { requireSnapshot, withSnapshot } from "./with-snapshot.ts";
import { writeText } from "./write-text.ts";

interface DiffOptions extends DiffObjectOptions {
  readonly namespace?: string;
  readonly object?: string;
  readonly keyHex?: string;
}

/** `lifeboat diff`. */
export const registerDiff: Register = (program, run) => {
  program
    .command("diff")
    .summary("show what changed between two snapshots, or since one")
    .description(
      "List the keys that were added, removed or changed between two snapshots, and count them by resource; or show what changed in one of them, Kubernetes objects as YAML. Both are read once from end to end and checked as lifeboat export checks them. A live cluster is asked for its keys page by page, all as of one revision; nothing is written there.",
    )
    .argument("<before>", "a ref or a snapshot file")
    .argument("<after>", "another one, or live for the cluster as it is now")
    .argument("[prefix|glob]", PATTERN_HELP)
    .option(NAMESPACE_FLAG, NAMESPACE_HELP)
    .option("--object <object>", "what changed in this one: a key, or resource/namespace/name")
    .option(KEY_HEX_FLAG, "the same by its key, byte by byte in hexadecimal")
    .option("--reveal", "with --object: show the data of Secrets")
    .option("--show-managed-fields", "with --object: show metadata.managedFields as well")
    .option(ENCRYPTION_CONFIG_FLAG, `with --object: ${ENCRYPTION_CONFIG_HELP}`)
    .option("--no-index", "with --object: read the whole snapshots")
    .option(CLUSTER_FLAG, CLUSTER_HELP)
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat diff prod@2026-11-20T10:00:00Z prod/latest\n  $ lifeboat diff prod/good live\n  $ lifeboat diff old.db new.db -n shop\n  $ lifeboat diff prod/good live --object deploy/shop/web`,
    )
    .action((before: string, after: string, pattern: string | undefined, options: DiffOptions) =>
      run(async (session) => {
        const one = objectOf(options);
        requireFitting(pattern, options, one);
        if (before === LIVE && !(await isFileThere(session.resolvePath(before))))
          throw new LifeboatError("usage", "live can only stand in the second place", { hint: "lifeboat diff REF live" });
        if (one !== undefined) {
          await diffObject(session, before, after, one, options);
          return 0;
        }
        const { console } = session;
        const keys = { pattern, namespace: options.namespace };
        const isWanted = await keyTest(keys);
        const progress = new ConsoleProgress(console);
        const ports = { progress, signal: console.signal };
        const { from } = options;
        const first = { what: before, from, progress, words: (ref: string) => ["diff", ref, after, ...keyWords(keys)] };
        const second = { what: after, from, progress, words: (ref: string) => ["diff", before, ref, ...keyWords(keys)] };
        const cluster = after === LIVE ? await clusterBeside(session, before, options.cluster) : undefined;
        if (cluster === undefined) await requireSnapshot(session, second);
        await withSnapshot(session, first, async (earlier) => {
          const { differenceOf, differenceToLive, stateOf } = await import("../shared/jobs/look/diff.ts");
          const was = await stateOf(earlier, { isWanted }, ports);
          if (cluster !== undefined) {
            const names = { before: earlier.name, after: LIVE };
            await withLive(session, { cluster, isWanted, progress }, (live) =>
              printDifference(session, differenceToLive(was, live.entries(console.signal), ports), names),
            );
            return;
          }
          await withSnapshot(session, second, async (later) => {
            const difference = differenceOf(was, await stateOf(later, { isWanted }, ports), ports);
            if (difference.isKept) progress.close();
            await printDifference(session, difference, { before: earlier.name, after: later.name });
          });
        }).finally(() => progress.close());
        return 0;
      }),
    );
};

/** The one value that is asked for. */
function objectOf({ object, keyHex }: DiffOptions): Wanted | undefined {
  if (object !== undefined && keyHex !== undefined)
    throw new LifeboatError("usage", "--object and --key-hex each name the one value", { hint: "leave one of them out" });
  if (keyHex !== undefined) return { key: keyOfHex(keyHex), words: keyHex };
  return object === undefined ? undefined : { words: object };
}

function requireFitting(pattern: string | undefined, options: DiffOptions, one: Wanted | undefined): void {
  const { namespace, reveal, showManagedFields, encryptionConfig, index } = options;
  if (one !== undefined) {
    if (pattern === undefined && namespace === undefined) return;
    throw new LifeboatError("usage", "--object and --key-hex compare one value alone", { hint: "leave out PREFIX, GLOB and -n" });
  }
  const only = Object.entries({
    "--reveal": reveal,
    "--show-managed-fields": showManagedFields,
    "--encryption-config": encryptionConfig,
    "--no-index": index ? undefined : false,
  }).find(([, value]) => value !== undefined);
  if (only !== undefined) throw new LifeboatError("usage", `${only[0]} goes with --object`, { hint: "lifeboat diff --help says how" });
}

async function printDifference(
  { console, json }: Session,
  difference: Difference,
  names: { readonly before: string; readonly after: string },
): Promise<void> {
  const tally = new ChangeTally();
  async function* counted(): AsyncGenerator<Change, void, undefined> {
    for await (const change of difference.changes) {
      tally.note(change.kind, change.key);
      yield change;
    }
  }
  if (json) {
    const tail = (): Pick<Document, "counts" | "same" | "resources"> => ({
      counts: withoutSame(difference.counts),
      same: difference.counts.same,
      resources: tally.resources,
    });
    return writeText(console, jsonAround(names, "changes", documents(counted()), tail));
  }
  async function* text(): AsyncGenerator<string, void, undefined> {
    yield* lines(counted());
    if (tally.resources.length > 0) yield `\n${tally.table(widthOf(console.stdout))}\n`;
  }
  await writeText(console, text());
  if (tally.resources.length === 0) note(console, `${names.before} and ${names.after} have the same keys and values`);
}

function withoutSame({ added, removed, changed, rewritten }: Difference["counts"]): Document["counts"] {
  return { added, removed, changed, rewritten };
}

type Document = Extract<JsonDocument<"diff">, { readonly changes: unknown }>;

async function* documents(changes: AsyncIterable<Change>): AsyncGenerator<Document["changes"][number], void, undefined> {
  for await (const { kind, key, before, after, deletedAt } of changes)
    yield {
      change: kind,
      ...keyJson(key),
      modRevisionBefore: before ?? null,
      modRevisionAfter: after ?? null,
      deletedAtRevision: deletedAt ?? null,
    };
}

const SIGNS = { added: "+", removed: "-", changed: "~", rewritten: "=" } as const;

/** Of those that were written again with the same value the table has the number. */
async function* lines(changes: AsyncIterable<Change>): AsyncGenerator<string, void, undefined> {
  for await (const { kind, key, deletedAt } of changes) {
    if (kind === "rewritten") continue;
    const { resource, namespace, name, key: text } = keyJson(key);
    const words = name === null ? text : `${resource} ${namespace === null ? name : `${namespace}/${name}`}`;
    yield `${SIGNS[kind]} ${onOneLine(words)}${deletedAt === undefined ? "" : ` (deleted at revision ${deletedAt})`}\n`;
  }
}
