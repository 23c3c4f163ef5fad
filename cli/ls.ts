import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import { listClusters } from "../shared/vault/catalog.ts";
import { listReplicas } from "../shared/jobs/copy/standing.ts";
import type { ReplicaListing } from "../shared/jobs/copy/standing.ts";
import { IN_THE_FUTURE } from "../shared/vault/judge.ts";
import type { JudgePorts } from "../shared/vault/judge.ts";
import { listSnapshots } from "../shared/jobs/list.ts";
import type { Listed, Listing, ListOptions } from "../shared/jobs/list.ts";
import { mapConcurrently } from "../shared/map-concurrently.ts";
import { manifestKey } from "../shared/documents/layout.ts";
import { parseId } from "../shared/documents/slot.ts";
import type { Register } from "./command.ts";
import { print, printLongJson, note, widthOf } from "./console.ts";
import { describeProof } from "./describe.ts";
import { listFleet } from "./ls-fleet.ts";
import { formatBytes, formatFields, formatTable, formatTime } from "./format.ts";
import { goodJson, wordFor, debugLacks } from "./goodness.ts";
import { addLabelOption, labelledClusters } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";
import { attentionIn, isAccepted, standings, warningsIn } from "./lineages.ts";
import type { ClusterLineages } from "./lineages.ts";
import { badPinsJson, isSuspicious, pinJson, wordForPin } from "./pins.ts";
import { alsoIn, placesOf, presenceFields } from "./replicas.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";
import { nameAll, summarize } from "./summary.ts";
import { addWindow, parseWindow, noteLeftOut } from "./window.ts";
import type { WindowOptions } from "./window.ts";

interface Options extends WindowOptions, LabelOptions {
  readonly full?: boolean;
  readonly fleet?: boolean;
}

/** `lifeboat ls`. */
export const registerLs: Register = (program, run) => {
  const command = program
    .command("ls")
    .summary("list snapshots")
    .description(
      "List the snapshots of one cluster, or of all. Reads metadata only, and checks the signatures. The exit code is 6 if a manifest, countersignature, pin or catalog segment is not believed (its signature or its content is wrong), or if an id is in the future; with --fleet, if anything is wrong with a cluster.",
    )
    .argument("[cluster]", "only this cluster")
    .option("--full", "read every document, in place of catalog segments, and compare them with what the segments tell")
    .option("--fleet", "one line for each cluster: its newest good snapshot, whether that is within the rpo, and what else is wrong")
    .addHelpText("after", "\nExample:\n  $ lifeboat ls prod --limit 20\n  $ lifeboat ls --fleet --label team=a");
  addLabelOption(command);
  addWindow(command, "snapshots").action((cluster: string | undefined, { full, fleet, ...options }: Options) =>
    run(async (session) => {
      const { console } = session;
      const window = parseWindow(options);
      if (fleet === true && (full === true || options.limit !== undefined || options.since !== undefined))
        throw new LifeboatError("usage", "--fleet is of all snapshots: --limit, --since and --full are without it", {
          hint: "leave out one or the other",
        });
      if (fleet !== true && options.label !== undefined)
        throw new LifeboatError("usage", "--label selects lines of --fleet", { hint: "give --fleet, or name a cluster" });
      const named = cluster === undefined ? undefined : [cluster];
      const labelled = await labelledClusters(session, options, named);
      const vault = await session.openToRead();
      await requireCluster(session, vault.blobs, cluster);
      if (fleet === true) return listFleet(session, vault, named ?? labelled);
      keepMemorySteady();
      const names = cluster === undefined ? await listClusters(vault.blobs) : [cluster];
      const late = new AbortController();
      const asked = listReplicas(vault, names, late.signal);
      // It is awaited below; until then a failure is not unhandled.
      asked.catch(() => undefined);
      const [lineages, listings] = await Promise.all([standings(vault, names), listEach(vault, names, { ...window, full })]);
      const cancel = console.clock.after(MORE_MS, () => late.abort(`${MORE_MS / 1000} s after the store had`));
      const waitForReplicas = (): Promise<readonly ReplicaListing[]> => asked.finally(cancel);
      const snapshots = listings.flatMap((listing) => listing.snapshots);
      const all = new Set(listings.flatMap(({ refs }) => refs));
      const bad = listings.flatMap((listing) => listing.badCountersignatures);
      const badPins = listings.flatMap((listing) => listing.badPins);
      const badSegments = listings.flatMap((listing) => listing.badSegments);
      const differences = listings.flatMap((listing, index) =>
        (listing.differences ?? []).map(({ id, message }) => ({ ref: `${names[index]}/${id}`, message })),
      );
      let replicas: readonly ReplicaListing[];
      if (session.json) {
        replicas = await waitForReplicas();
        await printLongJson(console, "ls", {
          snapshots: rowsOf(snapshots, lineages, replicas),
          lineageAttention: attentionIn(lineages),
          badCountersignatures: bad.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
          badPins: badPinsJson(badPins),
          badSegments: badSegments.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
          differences: full === true ? differences : null,
          replicas: replicas.map((each) => ({
            name: each.name,
            location: each.location,
            error: each.error === undefined ? null : { code: each.error.code, message: each.error.message },
            also: each.refs === undefined ? null : alsoIn(each, all),
          })),
        });
      } else {
        if (snapshots.length === 0) {
          const which = `${cluster === undefined ? "" : `of ${cluster} `}${window.since === undefined ? "" : "of that time "}`;
          note(console, `there are no snapshots ${which}in ${vault.blobs.location}`);
        } else {
          const layout = { width: widthOf(console.stdout), dispensable: ["TAKEN", "LINEAGE", "REVISION", "STORED", "DATABASE"] };
          const pins = snapshots.map((each) => ("pin" in each ? wordForPin(each.pin) : ""));
          const hasPins = pins.some((word) => word !== "");
          const rows = snapshots.map((each, index) => [...toRow(each, lineages), ...(hasPins ? [pins[index] ?? ""] : [])]);
          print(console, formatTable([...HEAD, ...(hasPins ? ["PIN"] : [])], rows, layout));
        }
        // What there is stands already while a replica is waited for.
        replicas = await waitForReplicas();
        if (snapshots.length > 0 && replicas.length > 0)
          print(console, `\n${formatFields(presenceFields(snapshots.map(refOf), replicas))}`);
      }
      noteLeftOut(console, all.size - snapshots.length, "snapshots");
      const faults = snapshots.flatMap((each) =>
        "error" in each ? [faultOf(refOf(each), manifestKey(each.cluster, each.id), each.error)] : [],
      );
      for (const line of summarize([
        ...faults,
        ...[...bad, ...badSegments].map(({ key, error }) => faultOf(key, key, error)),
        ...badPins.map((each) => faultOf(each.key, each.key, each)),
      ]))
        note(console, `warning: ${line}`);
      for (const { ref, message } of differences) note(console, `warning: ${ref}: ${message}`);
      for (const warning of warningsIn(lineages)) note(console, `warning: ${warning}`);
      for (const each of replicas) {
        if (each.error !== undefined) note(console, `warning: replica ${each.name}: ${each.error.message}`);
        const also = alsoIn(each, all);
        if (also.length > 0) note(console, `the replica ${each.name} also has ${nameAll(also)}`);
      }
      if (console.debug !== undefined)
        for (const each of snapshots) if ("lacks" in each) debugLacks(console.debug, refOf(each), each.lacks);
      const future = snapshots.filter(isInFuture);
      for (const each of future) note(console, `warning: ${refOf(each)}: ${IN_THE_FUTURE}: it is never the latest; find out who wrote it`);
      return bad.length + badSegments.length + differences.length > 0 ||
        badPins.some(isSuspicious) ||
        faults.length > 0 ||
        future.length > 0
        ? 6
        : 0;
    }),
  );
};

/** Of a fleet a few clusters at a time: each is read by many requests side by side, and what is read of one is let go before the next. */
const CLUSTERS_AT_ONCE = 4;

async function listEach(ports: JudgePorts, names: readonly string[], options: ListOptions): Promise<readonly Listing[]> {
  const listings: Listing[] = [];
  for await (const each of mapConcurrently(names, CLUSTERS_AT_ONCE, (name) => listSnapshots(ports, name, options))) listings.push(each);
  return listings;
}

/** A person waits for a list: so much longer than the store took, a replica may take. */
const MORE_MS = 2000;

function faultOf(
  subject: string,
  key: string,
  { code, message }: Pick<LifeboatError, "code" | "message">,
): Parameters<typeof summarize>[0][number] {
  return { subject, key, code, message };
}

const HEAD = ["SNAPSHOT", "TAKEN", "DATABASE", "STORED", "REVISION", "LINEAGE", "PROOF", "VERIFIED"];

function isInFuture(each: Listed): boolean {
  return "lacks" in each && each.lacks.some(({ code }) => code === "future");
}

function refOf({ cluster, id }: Listed): string {
  return `${cluster}/${id}`;
}

function toRow(each: Listed, lineages: ClusterLineages): string[] {
  const ref = refOf(each);
  if ("error" in each) return [ref, "", "", "", "", "", "", each.error.code];
  return [
    ref,
    formatTime(each.startedAt),
    formatBytes(each.databaseBytes),
    formatBytes(each.storedBytes),
    String(each.revision),
    `${each.lineage}${isAccepted(lineages, each) === false ? "!" : ""}`,
    each.quarantined ? "quarantined" : each.proof.status,
    wordFor(each.lacks),
  ];
}

function* rowsOf(
  snapshots: readonly Listed[],
  lineages: ClusterLineages,
  replicas: readonly ReplicaListing[],
): Generator<JsonDocument<"ls">["snapshots"][number], void, undefined> {
  for (const each of snapshots) yield { ...toJson(each, lineages), replicas: placesOf(refOf(each), replicas) };
}

function toJson(each: Listed, lineages: ClusterLineages): Omit<JsonDocument<"ls">["snapshots"][number], "replicas"> {
  const slot = parseId(each.id)?.slot;
  if (slot === undefined) throw new Error(`${each.id} was listed, and is not a snapshot id`);
  const head = { ref: refOf(each), cluster: each.cluster, id: each.id, slot: slot.toISOString() };
  if ("error" in each)
    return { ...head, ...NOTHING_KNOWN, lacks: [each.error.message], error: { code: each.error.code, message: each.error.message } };
  return {
    ...head,
    takenAt: each.startedAt,
    databaseBytes: each.databaseBytes,
    storedBytes: each.storedBytes,
    revision: each.revision,
    lineage: each.lineage,
    lineageAccepted: isAccepted(lineages, each) ?? null,
    proof: describeProof(each),
    quarantined: each.quarantined,
    verifiedAt: each.verifiedAt ?? null,
    ...goodJson(each.lacks),
    createdAt: each.createdAt,
    manifestDigest: each.manifestDigest,
    error: null,
    ...pinJson(each.pin),
  };
}

/** Of a snapshot whose manifest is not believed. */
const NOTHING_KNOWN = {
  takenAt: null,
  databaseBytes: null,
  storedBytes: null,
  revision: null,
  lineage: null,
  lineageAccepted: null,
  proof: null,
  quarantined: null,
  verifiedAt: null,
  good: false,
  createdAt: null,
  manifestDigest: null,
  pinned: null,
  pin: null,
} as const;
