import type { JsonDocument } from "../shared/contract/documents.ts";
import { isOfChain } from "../shared/custody/finding.ts";
import { isFault } from "../shared/custody/records.ts";
import type { FoundRecord } from "../shared/custody/records.ts";
import { LifeboatError } from "../shared/errors.ts";
import { hasCopiedLog, listCustody, verifyCustody } from "../shared/jobs/custody.ts";
import type { CustodyReport } from "../shared/jobs/custody.ts";
import type { CustodyReceipt } from "../shared/manifest/schema.ts";
import { parseUtc } from "../shared/manifest/slot.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell, widthOf } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatFinding, formatTable, formatTime } from "./format.ts";
import { requireCluster } from "./require-cluster.ts";

interface Options {
  readonly verify?: boolean;
  readonly head?: string;
  readonly since?: string;
  readonly replica?: boolean;
}

/** `lifeboat custody`. */
export const registerCustody: Register = (program, run) => {
  program
    .command("custody")
    .summary("show and verify the log of all that happened to snapshots")
    .description(
      "Show a cluster's custody log: every backup, verification and removal, each record signed and naming the one before. With --verify hold the log against itself and against what is stored.",
    )
    .argument("<cluster>", "whose log")
    .option("--verify", "find what is missing, altered, forged, not logged, or gone without a word")
    .option(
      "--head <seq:digest>",
      "a record that was written down elsewhere, which the log must have: finds a log that was cut off (verifies, too)",
    )
    .option("--since <time>", "show only records of this time (UTC) and later")
    .option(
      "--replica",
      "the store is a replica: show and verify also the log of the store that it was copied from, and miss nothing that was never copied",
    )
    .addHelpText(
      "after",
      "\nThe exit code is 4 where the log itself does not hold, and 6 where it does and\nsomething stored does not match it.\n\nExample:\n  $ lifeboat custody prod --verify --since 2026-11-21",
    )
    .action((cluster: string, options: Options) =>
      run(async (session) => {
        const [head, since] = [parseHead(options.head), parseSince(options.since)];
        const vault = await session.openToRead();
        await requireCluster(session, vault.blobs, cluster);
        const shown: FoundRecord[] = [];
        const onRecord = (found: FoundRecord): void => void shown.push(found);
        const isReplica = options.replica === true;
        let report: CustodyReport | undefined;
        if (options.verify === true || head !== undefined)
          report = await verifyCustody(vault, cluster, { head, since, isReplica, onRecord });
        else await listCustody(vault, cluster, { since, isReplica, onRecord });
        if (report !== undefined) requireSomething(report, cluster, vault.blobs.location);
        if (session.json) {
          printJson(session.console, "custody", toJson(cluster, shown, report));
        } else {
          if (shown.length > 0) {
            const layout = { width: widthOf(session.console.stdout), dispensable: ["BY", "ACTOR", "WHY"] };
            print(session.console, formatTable(HEAD, shown.map(toRow), layout));
          } else if (report === undefined) {
            tell(
              session.console,
              `there is no record of ${cluster} ${since === undefined ? "" : "of that time "}in ${vault.blobs.location}`,
            );
          }
          if (report !== undefined) print(session.console, `${shown.length > 0 ? "\n" : ""}${describeReport(cluster, report)}`);
        }
        for (const { record } of report === undefined ? shown : [])
          if (isFault(record)) tell(session.console, `warning: ${record.message}`);
        // Of what a person calls a replica it is asked either way: without the log that was copied it tells only half.
        const isCopied = isReplica || (report !== undefined && report.findings.length > 0) ? await hasCopiedLog(vault, cluster) : undefined;
        if (!isReplica && isCopied === true)
          tell(session.console, `hint: the store has the custody log of another store; if it is a replica of that, say --replica`);
        const isNoReplica = isReplica && isCopied === false;
        if (isNoReplica)
          tell(
            session.console,
            "warning: no log of another store is here: it is no replica, nothing was copied yet, or that log was removed",
          );
        return exitCodeFor(shown, report, isNoReplica);
      }),
    );
};

/** Of a name that was mistyped, or a cluster of which all was removed, it must not be said that all is well. */
function requireSomething({ records, documents, findings }: CustodyReport, cluster: string, location: string): void {
  if (records > 0 || documents > 0 || findings.length > 0) return;
  throw new LifeboatError("ref/not-found", `there is nothing of ${cluster} in ${location}: no record, no snapshot`, {
    hint: "lifeboat ls shows which clusters there are; if this one was backed up there, all of it was removed: look in a replica, and give --head what a backup printed after custody:",
  });
}

/** `isNoReplica`: a person said that it is one. */
function exitCodeFor(shown: readonly FoundRecord[], report: CustodyReport | undefined, isNoReplica: boolean): ExitCode {
  const isBroken = report === undefined ? shown.some(({ record }) => isFault(record)) : report.findings.some(isOfChain);
  if (isBroken) return 4;
  return isNoReplica || (report !== undefined && report.findings.length > 0) ? 6 : 0;
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

function parseSince(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const since = parseUtc(text);
  if (since === undefined)
    throw new LifeboatError("usage", `--since "${text}" is not a UTC time`, {
      hint: "give one such as 2026-11-21 or 2026-11-21T10:00:00Z",
    });
  return since;
}

const HEAD = ["RECORD", "TIME", "EVENT", "BY", "ACTOR", "ABOUT", "WHY"];

function toRow({ sequence, key, record }: FoundRecord): string[] {
  const number = key.includes("/primary-custody/") ? `primary ${sequence}` : String(sequence);
  if (isFault(record)) return [number, "", record.code, "", "", key, ""];
  const { time, event, actor, subjects, details, signer } = record;
  // What matters most stands first; the rest is in the JSON.
  const about = subjects[0]?.key.split("/").slice(2).join("/") ?? "";
  const why = [
    details.of === undefined ? "" : `explains ${details.of}`,
    details.to === undefined ? "" : `to ${details.to.name}`,
    details.code ?? "",
    details.reason ?? "",
  ].filter((part) => part !== "");
  return [number, formatTime(time), event, signer.purpose, actor, about, why.join(": ")];
}

function describeReport(cluster: string, { head, findings, records, documents, copied }: CustodyReport): string {
  const looked = `${records} records, held against ${documents} documents (manifests, countersignatures, lineages, rewraps)`;
  const own = head === undefined ? "there is no log" : `head ${describeReceipt(head)}`;
  const last = copied === undefined ? own : `${own}\n${describeCopied(copied)}`;
  if (findings.length === 0) return `the custody log of ${cluster} holds: ${looked}\n${last}`;
  return [...findings.map((finding) => formatFinding({ severity: finding.code, ...finding })), `${looked}\n${last}`].join("\n");
}

function describeCopied({ head, notHere }: NonNullable<CustodyReport["copied"]>): string {
  if (head === undefined) return "there is no log of a store that it was copied from";
  return `head of the copied log ${describeReceipt(head)}; ${notHere} of the objects that it tells of are not here`;
}

function toJson(cluster: string, shown: readonly FoundRecord[], report: CustodyReport | undefined): JsonDocument<"custody"> {
  return { cluster, records: shown.map(recordToJson), verification: report === undefined ? null : reportToJson(report) };
}

function recordToJson({ sequence, key, digest, record }: FoundRecord): JsonDocument<"custody">["records"][number] {
  const place = { sequence, key, digest: digest === "" ? null : digest };
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
