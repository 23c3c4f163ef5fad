import type { JsonDocument } from "../shared/contract/documents.ts";
import type { ReportData } from "../shared/contract/report.ts";
import { LifeboatError } from "../shared/errors.ts";
import { clustersToAudit } from "../shared/jobs/audit/audit.ts";
import { gatherStore } from "../shared/jobs/audit/gather.ts";
import { fetchReport } from "../shared/jobs/audit/published-report.ts";
import { gatherReport } from "../shared/jobs/audit/report.ts";
import { page } from "../shared/report/page.ts";
import { reportPorts } from "../shared/wire/audit.ts";
import { openOnDesktop } from "../shared/wire/desktop.ts";
import { requireFree, temporaryFile, writeOutput, writeStream } from "../shared/wire/output.ts";
import { auditMemoryOf } from "./audit-memory.ts";
import type { Register, Session } from "./command.ts";
import { note, printDone, printJson } from "./console.ts";
import { formatBytes, formatTime } from "./format.ts";
import { addLabelOption, labelledClusters } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";

interface Options extends LabelOptions {
  readonly out?: string;
  readonly open?: boolean;
  readonly days: string;
}

const MOST_DAYS = 182;

/** `lifeboat report`. */
export const registerReport: Register = (program, run) => {
  const command = program
    .command("report")
    .summary("write a page that shows where every cluster stands")
    .description(
      "Write one HTML file that shows where every cluster stands: verdicts, findings, a calendar of backups, growth, durations, restores and storage to come. It runs nothing and asks for nothing, so it can be mailed, printed and kept. Reads metadata only. The file has mode 0600, and nothing is overwritten.",
    )
    .argument("[cluster...]", "only these clusters (default: all of the configuration and the store)")
    .option("--out <file>", "the file to write; - for standard output")
    .option(
      "--open",
      "fetch the page that the deployed service writes every hour into the store, and open it in a browser; without a desktop, say where it is",
    )
    .option("--days <n>", `how many days back the custody log is read, up to ${MOST_DAYS}`, "30")
    .addHelpText(
      "after",
      "\nThe page is not signed: lifeboat audit checks the signatures behind it.\n\nExamples:\n  $ lifeboat report --out report.html\n  $ lifeboat report --open",
    );
  addLabelOption(command).action((clusters: readonly string[], options: Options) =>
    run(async (session) => {
      keepMemorySteady();
      if (options.open === true && (clusters.length > 0 || options.label !== undefined))
        throw new LifeboatError("usage", "--open shows the page of all clusters", { hint: "leave the clusters out, or --open" });
      if (options.open === true) await openPublished(session, options.out);
      else await write(session, clusters, options);
      return 0;
    }),
  );
};

async function write(session: Session, asked: readonly string[], { out, days: daysText, ...options }: Options): Promise<void> {
  if (out === undefined)
    throw new LifeboatError("usage", "it is not said where the page is to go", {
      hint: "give --out report.html, or --open for the page of the service",
    });
  const { console } = session;
  const days = parseDays(daysText);
  const file = out === "-" ? undefined : session.resolvePath(out);
  if (file === undefined) requirePipe(session);
  else await requireFree(file);
  const loaded = await session.loadConfig();
  const labelled = await labelledClusters(session, options, asked);
  const opened = await session.openToRead();
  for (const cluster of asked) await requireCluster(session, opened.blobs, cluster);
  const names =
    labelled?.toSorted() ??
    (asked.length > 0 ? [...new Set(asked)].toSorted() : await clustersToAudit(opened.blobs, Object.keys(loaded.config.clusters)));
  const ofStore = await gatherStore(opened, loaded.config.store.kind === "kopia");
  const ports = { ...reportPorts(loaded, opened), memory: auditMemoryOf(session, opened.blobs.location) };
  const data = await gatherReport(ports, names, ofStore, { days, signal: opened.signal });
  const bytes = Buffer.from(page(data));
  if (file === undefined) return writeStream(console.stdout, once(bytes), { name: "standard output", signal: console.signal });
  await writeOutput(file, once(bytes));
  if (session.json) printJson(console, "report", toJson(file, bytes.length, data));
  else printDone(console, `wrote ${out}: ${describe(data)}, ${formatBytes(bytes.length)}`);
}

async function openPublished(session: Session, out: string | undefined): Promise<void> {
  const { console } = session;
  if (out === "-") throw new LifeboatError("usage", "--open needs a file, and --out - is none", { hint: "leave --out out, or --open" });
  if (out !== undefined) await requireFree(session.resolvePath(out));
  const { blobs, signal } = await session.openToRead();
  const { text, modified } = await fetchReport(blobs, signal);
  const file = out === undefined ? await temporaryFile("lifeboat-report-", "report.html") : session.resolvePath(out);
  const bytes = Buffer.from(text);
  await writeOutput(file, once(bytes));
  const opened = await openOnDesktop(file, console.environment);
  const made = modified.toISOString();
  if (session.json) printJson(console, "report", { file, bytes: bytes.length, made, opened, clusters: null, findings: null });
  else printDone(console, opened ? `opened ${file}, of ${formatTime(made)}` : file);
  if (!opened && !session.json) note(console, `there is no desktop here: the page of ${formatTime(made)} is in that file`);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

function requirePipe({ console, json }: Session): void {
  if (json) throw new LifeboatError("usage", "--json and --out - would both print on standard output", { hint: "name a file" });
  if (console.stdout.isTTY === true)
    throw new LifeboatError("usage", "standard output is a terminal, and the page is for a browser", {
      hint: "redirect it, or name a file; a file named - is ./-",
    });
}

function parseDays(text: string): number {
  const days = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > MOST_DAYS)
    throw new LifeboatError("usage", `--days "${text}" is not a number of days`, { hint: `give one from 1 to ${MOST_DAYS}` });
  return days;
}

function describe({ clusters, findings }: ReportData): string {
  const ready = clusters.filter(({ verdict }) => verdict.word === "ready").length;
  return `${clusters.length} ${clusters.length === 1 ? "cluster" : "clusters"}, ${ready} ready, ${findings.length} ${findings.length === 1 ? "finding" : "findings"}`;
}

function toJson(file: string, bytes: number, { madeAt, clusters, findings }: ReportData): JsonDocument<"report"> {
  const count = (word: ReportData["clusters"][number]["verdict"]["word"]): number =>
    clusters.filter(({ verdict }) => verdict.word === word).length;
  const of = (severity: ReportData["findings"][number]["severity"]): number => findings.filter((each) => each.severity === severity).length;
  return {
    file,
    bytes,
    made: new Date(madeAt).toISOString(),
    opened: false,
    clusters: {
      all: clusters.length,
      ready: count("ready"),
      readyWithLoss: count("ready with loss"),
      notJudged: count(null),
      notReady: count("not ready"),
    },
    findings: { error: of("error"), warn: of("warn"), info: of("info") },
  };
}
