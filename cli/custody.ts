import type { JsonDocument } from "../shared/contract/documents.ts";
import { isOfChain } from "../shared/vault/custody/finding.ts";
import { isFault, isOfLaterVersion } from "../shared/vault/custody/records.ts";
import type { FoundRecord } from "../shared/vault/custody/records.ts";
import { LifeboatError } from "../shared/errors.ts";
import { hasCopiedLog, listCustody, verifyCustody } from "../shared/jobs/audit/custody.ts";
import type { CustodyReport } from "../shared/jobs/audit/custody.ts";
import type { CustodyReceipt } from "../shared/documents/parts.ts";
import type { CustodyRecord } from "../shared/documents/custody-record.ts";
import type { Register } from "./command.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import type { ExitCode } from "./exit-codes.ts";
import { exportLog } from "./export-custody.ts";
import { formatFinding, formatTable, formatTime } from "./format.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";
import { byCause, nameAll, summarize } from "./summary.ts";
import { addWindow, parseWindow, noteLeftOut } from "./window.ts";
import type { WindowOptions } from "./window.ts";

interface Options extends WindowOptions {
  readonly verify?: boolean;
  readonly head?: string;
  readonly replica?: boolean;
  readonly export?: string;
}

/** `lifeboat custody`. */
export const registerCustody: Register = (program, run) => {
  const command = program
    .command("custody")
    .summary("show and verify the custody log, the signed history of snapshots")
    .description(
      "Show a cluster's custody log: every backup, verification and removal. Each record is signed and names the record before it. With --verify, check the log itself, and compare it with what is stored.",
    )
    .argument("<cluster>", "whose log")
    .option("--verify", "find what is missing, altered, forged, not logged, or removed without a record")
    .option(
      "--head <seq:digest>",
      "a record that you noted elsewhere; the log must contain it, so a log that was cut off is found; implies --verify",
    )
    .option("--replica", "the store is a replica: also show and verify the copied log, and do not report snapshots that were never copied")
    .option("--export <file>", "write the records as in-toto statements, signed with the audit key, one a line; - for standard output")
    .addHelpText(
      "after",
      "\nThe exit code is 4 if the log itself is damaged or forged. It is 6 if the log is\nintact but something stored does not match it.\n\nExample:\n  $ lifeboat custody prod --verify --since 2026-11-21",
    );
  addWindow(command, "records").action((cluster: string, options: Options) =>
    run(async (session) => {
      keepMemorySteady();
      if (options.export !== undefined) return exportLog(session, cluster, { ...options, export: options.export });
      const head = parseHead(options.head);
      const { limit, since } = parseWindow(options);
      const vault = await session.openToRead();
      await requireCluster(session, vault.blobs, cluster);
      let shown: FoundRecord[] = [];
      let leftOut = 0;
      const onRecord = (found: FoundRecord): void => void shown.push(found);
      const onLeftOut = (count: number): void => void (leftOut += count);
      const isReplica = options.replica === true;
      let report: CustodyReport | undefined;
      if (options.verify === true || head !== undefined) {
        const newest = new NewestRecords(limit);
        report = await verifyCustody(vault, cluster, { head, since, isReplica, onRecord: (found) => newest.add(found) });
        shown = newest.records;
        leftOut = newest.leftOut;
      } else await listCustody(vault, cluster, { since, limit, isReplica, onRecord, onLeftOut });
      if (report !== undefined) requireSomething(report, cluster, vault.blobs.location);
      if (session.json) {
        printJson(session.console, "custody", toJson(cluster, shown, report));
      } else {
        if (shown.length > 0) {
          const layout = { width: widthOf(session.console.stdout), dispensable: ["BY", "ACTOR", "WHY"] };
          print(session.console, formatTable(HEAD, shown.map(toRow), layout));
        } else if (report === undefined) {
          note(
            session.console,
            `there is no record of ${cluster} ${since === undefined ? "" : "since that time "}in ${vault.blobs.location}`,
          );
        }
        if (report !== undefined) print(session.console, `${shown.length > 0 ? "\n" : ""}${describeReport(cluster, report)}`);
      }
      noteLeftOut(session.console, leftOut, "records");
      for (const line of summarize(shown.filter(({ record }) => report === undefined || isOfLaterVersion(record)).flatMap(faultOf)))
        note(session.console, `warning: ${line}`);
      // Of what a person calls a replica it is asked either way: without the log that was copied it tells only half.
      const isCopied = isReplica || (report !== undefined && report.findings.length > 0) ? await hasCopiedLog(vault, cluster) : undefined;
      if (!isReplica && isCopied === true)
        note(session.console, `hint: the store also has the custody log of another store; if it is a replica of that store, add --replica`);
      const isNoReplica = isReplica && isCopied === false;
      if (isNoReplica)
        note(
          session.console,
          "warning: there is no copied log here: this is not a replica, nothing was copied yet, or that log was removed",
        );
      return exitCodeFor(shown, report, isNoReplica);
    }),
  );
};

/** Of a name that was mistyped, or a cluster of which all was removed, it must not be said that all is well. */
function requireSomething({ records, documents, findings }: CustodyReport, cluster: string, location: string): void {
  if (records > 0 || documents > 0 || findings.length > 0) return;
  throw new LifeboatError("ref/not-found", `nothing of ${cluster} found in ${location}: no record, no snapshot`, {
    hint: "lifeboat ls shows which clusters there are; if this cluster was backed up there, everything of it was removed: look in a replica, and give --head the line custody: of an earlier backup",
  });
}

/** `isNoReplica`: a person said that it is one. */
function exitCodeFor(shown: readonly FoundRecord[], report: CustodyReport | undefined, isNoReplica: boolean): ExitCode {
  const isBroken =
    report === undefined ? shown.some(({ record }) => isFault(record) && !isOfLaterVersion(record)) : report.findings.some(isOfChain);
  if (isBroken) return 4;
  return isNoReplica || (report !== undefined && report.findings.length > 0) ? 6 : 0;
}

/** So many of the newest of each log, or all of them. Of those that are left out it keeps none. */
class NewestRecords {
  readonly #limit: number;
  readonly #logs = new Map<boolean, FoundRecord[]>();
  #count = 0;

  constructor(limit = Infinity) {
    this.#limit = limit;
  }

  add(found: FoundRecord): void {
    const log = this.#logs.get(isOfPrimary(found)) ?? [];
    this.#logs.set(isOfPrimary(found), log);
    log.push(found);
    this.#count += 1;
    // Not at each: to move all of them takes as long as there are.
    if (log.length > 2 * this.#limit) log.splice(0, log.length - this.#limit);
  }

  get records(): FoundRecord[] {
    return [...this.#logs.values()].flatMap((log) => log.slice(-this.#limit));
  }

  get leftOut(): number {
    return this.#count - this.records.length;
  }
}

function faultOf({ key, record }: FoundRecord): Parameters<typeof summarize>[0] {
  return isFault(record) ? [{ subject: key, key, code: record.code, message: record.message }] : [];
}

function isOfPrimary({ key }: FoundRecord): boolean {
  return key.includes("/primary-custody/");
}

function parseHead(text: string | undefined): CustodyReceipt | undefined {
  if (text === undefined) return undefined;
  const match = /^([1-9]\d{0,9})[: ](sha256:[0-9a-f]{64})$/.exec(text.trim());
  const [, sequence, digest] = match ?? [];
  if (sequence === undefined || digest === undefined)
    throw new LifeboatError("usage", `--head "${text}" does not name a record`, {
      hint: "give what a backup printed after custody:, such as 12:sha256:... with 64 hex digits",
    });
  return { sequence: Number(sequence), digest };
}

const HEAD = ["RECORD", "TIME", "EVENT", "BY", "ACTOR", "ABOUT", "WHY"];

function toRow(found: FoundRecord): string[] {
  const { sequence, key, record } = found;
  const number = isOfPrimary(found) ? `primary ${sequence}` : String(sequence);
  if (isFault(record)) return [number, "", record.code, "", "", key, ""];
  const { time, event, actor, subjects, details, signer } = record;
  // What matters most stands first; the rest is in the JSON.
  const about = event === "removed" ? describeRemoved(subjects) : subjects[0] === undefined ? "" : describeSubject(subjects[0].key);
  const why = [
    details.of === undefined ? "" : `explains ${details.of}`,
    details.to === undefined ? "" : `to ${details.to.name}`,
    event === "pinned" && details.pinned === false ? "unpinned" : "",
    details.code ?? "",
    details.reason ?? "",
  ].filter((part) => part !== "");
  return [number, formatTime(time), event, signer.purpose, actor, about, why.join(": ")];
}

/** Of one snapshot its id, of several how many. */
function describeRemoved(subjects: CustodyRecord["subjects"]): string {
  const about = new Set(subjects.map(({ key }) => describeSubject(key)));
  const [first = ""] = about;
  return about.size <= 1 ? first : `${first} and ${about.size - 1} more`;
}

/** `20261121T100000Z` of whatever is about that snapshot, so that a record is one line of 80 columns; else the key in the cluster's folder. */
function describeSubject(key: string): string {
  const below = key.split("/").slice(2).join("/");
  return (
    /^(?:snapshots|verified|rewraps|pins|drills|data)\/(\d{8}T\d{6}Z(?:-[1-9]\d{0,3})?)(?:-[0-9a-zTZ-]+)?\.(?:json|age)$/.exec(
      below,
    )?.[1] ?? below
  );
}

function describeReport(cluster: string, { head, findings, records, documents, copied }: CustodyReport): string {
  const looked = `${records} records, compared with ${documents} documents (manifests, countersignatures, lineages, acceptances, rewraps, pins, drills, catalog segments)`;
  const own = head === undefined ? "there is no log" : `head ${describeReceipt(head)}`;
  const last = copied === undefined ? own : `${own}\n${describeCopied(copied)}`;
  if (findings.length === 0) return `the custody log of ${cluster} is intact: ${looked}\n${last}`;
  const paragraphs = byCause(findings, ({ subject }) => [subject]).flatMap((together) => {
    const [first] = together;
    return first === undefined
      ? []
      : [formatFinding({ ...first, severity: first.code, subject: nameAll(together.map(({ subject }) => subject)) })];
  });
  return [...paragraphs, `${looked}\n${last}`].join("\n");
}

function describeCopied({ head, notHere }: NonNullable<CustodyReport["copied"]>): string {
  if (head === undefined) return "there is no log of a store that it was copied from";
  return `head of the copied log ${describeReceipt(head)}; ${notHere} of the objects that it names are not here`;
}

function toJson(cluster: string, shown: readonly FoundRecord[], report: CustodyReport | undefined): JsonDocument<"custody"> {
  return { cluster, records: shown.map(recordToJson), verification: report === undefined ? null : reportToJson(report) };
}

function recordToJson({ sequence, key, digest, record }: FoundRecord): JsonDocument<"custody">["records"][number] {
  const place = { sequence, key, digest };
  if (isFault(record)) {
    const nothing = { time: null, event: null, actor: null, subjects: null, details: null, purpose: null, fingerprint: null };
    return { ...place, ...nothing, error: { code: record.code, message: record.message } };
  }
  const { time, event, actor, subjects, details, signer } = record;
  const { purpose, fingerprint } = signer;
  return { ...place, time, event, actor, subjects, details, purpose, fingerprint, error: null };
}

function reportToJson({ head, findings, records, documents, copied }: CustodyReport): JsonDocument<"custody">["verification"] {
  return {
    holds: findings.length === 0,
    head: head ?? null,
    findings,
    records,
    documents,
    copied: copied === undefined ? null : { head: copied.head ?? null, notHere: copied.notHere },
  };
}
