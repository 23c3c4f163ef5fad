import { LifeboatError } from "../shared/errors.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import type { Found } from "../shared/jobs/look/find.ts";
import { typeIn } from "../shared/kube/envelope.ts";
import type { FoundEntry } from "../shared/snapshot/newest-matches.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { note, widthOf } from "./console.ts";
import { formatBytes, formatTable } from "./format.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { jsonArray } from "./json-array.ts";
import { keyTest, keyWords, NAMESPACE_FLAG, NAMESPACE_HELP, PATTERN_HELP } from "./key-option.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { withSnapshot } from "./with-snapshot.ts";
import { writeText } from "./write-text.ts";

interface FindOptions {
  readonly namespace?: string;
  readonly deleted?: boolean;
  readonly limit?: number;
  readonly from?: string;
}

/** `lifeboat find`. */
export const registerFind: Register = (program, run) => {
  program
    .command("find")
    .summary("list keys and objects in a snapshot")
    .description(
      "List the keys that were there when a snapshot was taken, with their Kubernetes names and kinds, revision and size. The snapshot is read once from end to end and checked as lifeboat export checks it; nothing is written to disk, and no etcd is started. A file needs no configuration.",
    )
    .argument("<ref|file>", "which snapshot")
    .argument("[prefix|glob]", PATTERN_HELP)
    .option(NAMESPACE_FLAG, NAMESPACE_HELP)
    .option("--deleted", "list what was deleted, as far as it was not compacted away")
    .option("--limit <number>", "list no more than so many", wholeNumber)
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat find prod/good -n shop\n  $ lifeboat find prod/good '/registry/secrets/*/db-*'\n  $ lifeboat find snapshot.db app/config/`,
    )
    .action((what: string, pattern: string | undefined, options: FindOptions) =>
      run(async (session) => {
        const { console, json } = session;
        const { deleted = false, limit, from } = options;
        const keys = { pattern, namespace: options.namespace };
        const isWanted = await keyTest(keys);
        const progress = new ConsoleProgress(console);
        const words = (ref: string): readonly string[] => ["find", ref, ...keyWords(keys), ...(deleted ? ["--deleted"] : [])];
        await withSnapshot(session, { what, from, progress, words }, async (input) => {
          const { find } = await import("../shared/jobs/look/find.ts");
          const request = { isWanted, deleted, ...(limit !== undefined && { limit }) };
          const found = await find(input, request, { progress, signal: console.signal });
          if (found.isInOrder) progress.close();
          await writeText(console, json ? jsonArray(documents(found)) : tables(found, widthOf(console.stdout)));
          progress.close();
          if (limit !== undefined && found.total > limit) note(console, `${found.total - limit} more of ${found.total} are not listed`);
          else if (found.total === 0)
            note(console, `nothing${deleted ? " that was deleted and not compacted away" : ""} in ${input.name} fits`);
        }).finally(() => progress.close());
        return 0;
      }),
    );
};

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new LifeboatError("usage", `--limit ${text} is no number of keys`, { hint: "give a whole number from 1 on" });
  return Number(text);
}

type Row = JsonDocument<"find">[number];

async function* documents({ entries }: Found): AsyncGenerator<Row, void, undefined> {
  for await (const entry of entries) yield rowOf(entry);
}

/** The first bytes of a value name its type, where it is an object that is not encrypted. */
function rowOf({ key, value, revision, valueBytes }: FoundEntry): Row {
  const type = typeIn(value);
  return { ...keyJson(key), kind: type?.kind ?? null, apiVersion: type?.apiVersion ?? null, modRevision: revision, valueBytes };
}

/** Rows that are aligned with each other: all would have to be held to align all. */
const TABLE_ROWS = 1000;

async function* tables({ entries }: Found, width: number | undefined): AsyncGenerator<string, void, undefined> {
  let rows: Row[] = [];
  for await (const entry of entries) {
    if (rows.push(rowOf(entry)) < TABLE_ROWS) continue;
    yield `${tableOf(rows, width)}\n`;
    rows = [];
  }
  if (rows.length > 0) yield `${tableOf(rows, width)}\n`;
}

function tableOf(rows: readonly Row[], width: number | undefined): string {
  const figures = ({ modRevision, valueBytes }: Row): readonly string[] => [String(modRevision), formatBytes(valueBytes)];
  if (rows.every(({ name }) => name === null))
    return formatTable(
      ["KEY", "REVISION", "SIZE"],
      rows.map((row) => [onOneLine(row.key), ...figures(row)]),
      { width },
    );
  const hasKinds = rows.some(({ kind }) => kind !== null);
  const words = ({ resource, namespace, name, key, kind }: Row): readonly string[] =>
    [resource ?? "", namespace ?? "", name ?? key, ...(hasKinds ? [kind ?? ""] : [])].map(onOneLine);
  return formatTable(
    ["RESOURCE", "NAMESPACE", "NAME", ...(hasKinds ? ["KIND"] : []), "REVISION", "SIZE"],
    rows.map((row) => [...words(row), ...figures(row)]),
    { width, dispensable: ["KIND"] },
  );
}
