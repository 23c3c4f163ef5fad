import { LifeboatError } from "../shared/errors.ts";
import { acceptLineage } from "../shared/jobs/accept-lineage.ts";
import type { Accepted } from "../shared/jobs/accept-lineage.ts";
import { countSnapshots, readLineages } from "../shared/vault/lineage/lineages.ts";
import type { Lineages } from "../shared/vault/lineage/lineages.ts";
import { attentionOfLineage, needsAcceptance } from "../shared/documents/lineages.ts";
import type { KnownLineage } from "../shared/documents/lineages.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import type { Register, Session } from "./command.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { describeReceipt } from "./describe.ts";
import { formatTable, formatTime, printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { requireCluster } from "./require-cluster.ts";

/** `lifeboat lineage ls` and `lifeboat lineage accept`. */
export const registerLineage: Register = (program, run) => {
  const lineage = program
    .command("lineage")
    .summary("show the lineages of a cluster, and accept one")
    .description(
      "A lineage is one unbroken history of one etcd cluster. A backup opens a new lineage if the endpoints answer as another cluster, the revision went back, or most keys are gone. Until a person accepts the new lineage, each backup ends with exit code 6.",
    )
    .addHelpText("after", '\nExample:\n  $ lifeboat lineage ls prod\n  $ lifeboat lineage accept prod 2 --reason "restored on purpose"');
  lineage
    .command("ls")
    .summary("list the lineages of a cluster")
    .description(
      "List the lineages of a cluster: when and why each was opened, and who accepted it. The exit code is 6 if a lineage or an acceptance is not believed: its signature or its content is wrong.",
    )
    .argument("<cluster>", "which cluster")
    .addHelpText("after", "\nExample:\n  $ lifeboat lineage ls prod")
    .action((cluster: string) =>
      run(async (session) => {
        const vault = await session.openToRead();
        await requireCluster(session, vault.blobs, cluster);
        const [lineages, snapshots] = await Promise.all([
          readLineages(vault, cluster, vault.signal),
          countSnapshots(vault, cluster, vault.signal),
        ]);
        if (lineages.links.length === 0 && lineages.faults.length === 0)
          throw new LifeboatError("ref/not-found", `there is no lineage of ${cluster} in ${vault.blobs.location}`, {
            hint: "lifeboat ls shows which clusters there are",
          });
        list(session, cluster, lineages, snapshots);
        for (const { message } of lineages.faults) note(session.console, `warning: ${printable(message)}`);
        return lineages.faults.some(({ isOfLaterVersion }) => isOfLaterVersion !== true) ? 6 : 0;
      }),
    );
  lineage
    .command("accept")
    .summary("accept a lineage as expected")
    .description(
      "Accept a lineage as expected, because the endpoints lead to the right cluster, or the keys were deleted on purpose. The acceptance is signed with the audit key and recorded in the custody log. Backups of the cluster then end with exit code 0 again.",
    )
    .argument("<cluster>", "which cluster")
    .argument("<number>", "number of the lineage, as lifeboat lineage ls shows it")
    .requiredOption("--reason <text>", "why, for whoever reads the custody log later")
    .addHelpText("after", '\nExample:\n  $ lifeboat lineage accept prod 2 --reason "rebuilt after INC-4711"')
    .action((cluster: string, number: string, { reason }: { readonly reason: string }) =>
      run(async (session) => {
        const progress = new ConsoleProgress(session.console);
        const ports = { ...(await session.openPorts()), progress };
        await requireCluster(session, ports.blobs, cluster);
        const accepted = await acceptLineage(ports, {
          cluster,
          number: parseNumber(number),
          reason,
          signal: session.console.signal,
        }).finally(() => progress.close());
        if (session.json)
          printJson(session.console, "lineage", {
            cluster,
            outcome: accepted.outcome,
            ...toJson(cluster, accepted.lineage),
            key: accepted.key ?? null,
            custody: accepted.custody ?? null,
          });
        else print(session.console, describe(cluster, accepted));
        return 0;
      }),
    );
};

function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new LifeboatError("usage", `"${text}" is not a lineage's number`, {
      hint: "give one as lifeboat lineage ls shows it, such as 2",
    });
  return Number(text);
}

const HEAD = ["LINEAGE", "OPENED", "WHY", "ETCD CLUSTER", "REVISION", "SNAPSHOTS", "ACCEPTED", "REASON"];

function list({ console, json }: Session, cluster: string, { links, faults }: Lineages, snapshots: ReadonlyMap<number, number>): void {
  const countOf = ({ lineage }: KnownLineage): number => snapshots.get(lineage.number) ?? 0;
  if (json) {
    return printJson(console, "lineage", {
      cluster,
      lineages: links.map((each, index) => ({
        ...toJson(cluster, each),
        current: index === links.length - 1,
        snapshots: countOf(each),
      })),
      unbelieved: faults.map(({ key, code, message }) => ({ key, code, message })),
    });
  }
  if (links.length === 0) return note(console, `no lineage of ${cluster} is believed`);
  const rows = links.map((each) => {
    const { lineage, acceptance } = each;
    return [
      String(lineage.number),
      formatTime(lineage.openedAt),
      lineage.reason,
      lineage.clusterId,
      String(lineage.revision),
      String(countOf(each)),
      acceptance === undefined ? (needsAcceptance(each) ? "NOT ACCEPTED" : "first") : formatTime(acceptance.acceptedAt),
      acceptance === undefined ? "" : printable(acceptance.reason),
    ];
  });
  print(console, formatTable(HEAD, rows, { width: widthOf(console.stdout), dispensable: ["ETCD CLUSTER", "REVISION", "REASON"] }));
}

/** What both documents say of a lineage. */
type LineageFields = Omit<Extract<JsonDocument<"lineage">, { readonly lineages: unknown }>["lineages"][number], "current" | "snapshots">;

function toJson(cluster: string, known: KnownLineage): LineageFields {
  const { lineage, acceptance, digest } = known;
  return {
    number: lineage.number,
    openedAt: lineage.openedAt,
    reason: lineage.reason,
    clusterId: lineage.clusterId,
    revision: lineage.revision,
    digest,
    accepted:
      acceptance === undefined
        ? null
        : { at: acceptance.acceptedAt, reason: acceptance.reason, fingerprint: acceptance.signer.fingerprint },
    attention: attentionOfLineage(cluster, known) ?? null,
  };
}

function describe(cluster: string, { outcome, lineage: { lineage, acceptance }, custody }: Accepted): string {
  const name = `lineage ${lineage.number} of ${cluster}`;
  if (outcome === "not-needed") return `${name} is the cluster's first: it needs no acceptance`;
  if (outcome === "already")
    return `${name} was accepted before, at ${acceptance === undefined ? "" : `${formatTime(acceptance.acceptedAt)}: ${printable(acceptance.reason)}`}`;
  return `${name} is accepted (${lineage.reason}, opened ${formatTime(lineage.openedAt)})\ncustody: ${describeReceipt(custody)}`;
}
