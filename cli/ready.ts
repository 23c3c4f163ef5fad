import type { Judgement } from "../shared/audit/judge.ts";
import { judge } from "../shared/audit/judge.ts";
import type { Line } from "../shared/audit/facts.ts";
import { ageText } from "../shared/age-text.ts";
import { ARCHITECTURES } from "../shared/bundle/plan.ts";
import type { Architecture } from "../shared/bundle/plan.ts";
import { findCluster } from "../shared/config/find-cluster.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { gatherStore } from "../shared/jobs/audit/gather.ts";
import { gatherReady } from "../shared/jobs/audit/ready.ts";
import { signVerdict } from "../shared/jobs/audit/sign-verdict.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { readyPorts } from "../shared/wire/audit.ts";
import { ownArchitecture } from "../shared/wire/bundle.ts";
import { wire } from "../shared/wire/ports.ts";
import type { Ports } from "../shared/wire/ports.ts";
import { readManifest } from "../shared/vault/catalog.ts";
import { collect, oneOf } from "./bundle-options.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import { formatMilliseconds, printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { keepMemorySteady } from "./steady-memory.ts";

interface Options {
  readonly arch: readonly string[];
  readonly sign?: boolean;
}

/** `lifeboat ready`. */
export const registerReady: Register = (program, run) => {
  program
    .command("ready")
    .summary("could this cluster be brought back now, how fast, and with what loss?")
    .description(
      "Judge whether a cluster could be brought back today. Each question is answered yes, no or unknown, with its evidence; what is unknown is never ready. Reads metadata only, and asks etcd and the keys. Changes nothing; with --sign the verdict is stored.",
    )
    .argument("<cluster>", "which cluster")
    .option(
      "--arch <arch>",
      `an architecture of its nodes: ${ARCHITECTURES.join(" or ")}; may be given twice (default: this machine's)`,
      collect,
      [],
    )
    .option("--sign", "sign the verdict and keep it in the store, for reports; needs the audit key")
    .addHelpText(
      "after",
      "\nThe verdict is ready, ready with loss (all is well but the age of the newest\ngood snapshot), or not ready. The exit code is 0 for ready, else 6.\n\nExample:\n  $ lifeboat ready prod",
    )
    .action((cluster: string, { arch, sign }: Options) =>
      run(async (session) => {
        keepMemorySteady();
        const architectures: readonly Architecture[] =
          arch.length === 0 ? [ownArchitecture()] : arch.map((each) => oneOf("arch", each, ARCHITECTURES));
        const loaded = await session.loadConfig();
        findCluster(loaded, cluster);
        const { signal } = session.console;
        const opened = await wire(loaded, session.surroundings);
        const ports = readyPorts(loaded, { ...opened, blobs: readUntil(opened.blobs, signal) }, session.surroundings);
        const ofStore = await gatherStore(opened, loaded.config.store.kind === "kopia");
        const judged = judge(await gatherReady(ports, cluster, ofStore, { architectures, signal }));
        const signed = sign === true ? await signIt(opened, judged, session) : undefined;
        if (session.json) printJson(session.console, "ready", toJson(judged, signed));
        else
          print(
            session.console,
            `${describe(judged)}${signed === undefined ? "" : `\n\nsigned: ${signed.key}\ncustody: ${describeReceipt(signed.custody)}`}`,
          );
        return judged.verdict === "ready" ? 0 : 6;
      }),
    );
};

type Signed = Awaited<ReturnType<typeof signVerdict>>;

async function signIt(ports: Ports, judged: Judgement, { console }: Session): Promise<Signed> {
  const { cluster, id } = judged;
  const found = id === undefined ? undefined : await readManifest(ports, cluster, id);
  const progress = new ConsoleProgress(console);
  return signVerdict({ ...ports, progress }, judged, found, console.signal).finally(() => progress.close());
}

/** At 3 a.m.: the verdict, what would be lost, each gap with what to do, and then what is well. */
function describe(judged: Judgement): string {
  const { cluster, verdict, lines, notAsked } = judged;
  const [gaps, well] = [lines.filter(({ answer }) => answer !== "yes"), lines.filter(({ answer }) => answer === "yes")];
  return [
    `${cluster} is ${verdict}${summary(judged)}`,
    ...[gaps.map(row), well.map(row), notAsked.map((each) => `  ${"-".padEnd(MARK)}  not asked: ${each}`)].flatMap((rows) =>
      rows.length === 0 ? [] : ["", ...rows],
    ),
  ].join("\n");
}

function summary({ id, cluster, loss, rtoMs }: Judgement): string {
  if (id === undefined || loss === undefined) return "";
  const writes =
    loss.writes === undefined ? "" : `, ${loss.basis === "pace" ? "some " : ""}${loss.writes} ${loss.writes === 1 ? "write" : "writes"}`;
  const drilled = rtoMs === undefined ? "no drill says how fast" : `the last drill took ${formatMilliseconds(rtoMs)}`;
  return `\nback to ${cluster}/${id}: ${ageText(loss.ms)} would be lost${writes}; ${drilled}`;
}

const MARK = "unknown".length;

function row({ answer, question, evidence, fix }: Line): string {
  const mark = (answer === "no" ? "NO" : answer).padEnd(MARK);
  return printable(`  ${mark}  ${question}: ${evidence.join("; ")}${fix === "" ? "" : `\n    fix: ${fix}`}`);
}

function toJson({ cluster, at, verdict, id, loss, rtoMs, lines, notAsked }: Judgement, signed: Signed | undefined): JsonDocument<"ready"> {
  return {
    cluster,
    at: new Date(at).toISOString(),
    verdict,
    good: id === undefined ? null : `${cluster}/${id}`,
    loss: loss === undefined ? null : { seconds: Math.floor(loss.ms / 1000), writes: loss.writes ?? null, basis: loss.basis ?? null },
    rtoSeconds: rtoMs === undefined ? null : rtoMs / 1000,
    lines: lines.map((line) => ({ ...line, evidence: [...line.evidence] })),
    notAsked: [...notAsked],
    signed: signed ?? null,
  };
}
