import type { JsonDocument } from "../shared/contract/documents.ts";
import { listClusters } from "../shared/jobs/catalog.ts";
import { listReplicas } from "../shared/jobs/copy/standing.ts";
import { listSnapshots } from "../shared/jobs/list.ts";
import type { Listed } from "../shared/jobs/list.ts";
import { revisionOf } from "../shared/manifest/content.ts";
import { parseId } from "../shared/manifest/slot.ts";
import { TRAILER_BYTES } from "../shared/snapshot/trailer.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell, widthOf } from "./console.ts";
import { describeProof } from "./describe.ts";
import { formatBytes, formatTable, formatTime } from "./format.ts";
import { alsoIn, describePlaces, placesOf } from "./replicas.ts";
import { requireCluster } from "./require-cluster.ts";

/** `lifeboat ls`. */
export const registerLs: Register = (program, run) => {
  program
    .command("ls")
    .summary("list snapshots")
    .description(
      "List the snapshots of one cluster, or of all: from the store's metadata, signatures checked. The exit code is 6 where a manifest or countersignature is not believed.",
    )
    .argument("[cluster]", "only this cluster's")
    .addHelpText("after", "\nExample:\n  $ lifeboat ls prod")
    .action((cluster: string | undefined) =>
      run(async (session) => {
        const vault = await session.openToRead();
        await requireCluster(session, vault.blobs, cluster);
        const names = cluster === undefined ? await listClusters(vault.blobs) : [cluster];
        const [replicas, ...listings] = await Promise.all([listReplicas(vault, names), ...names.map((name) => listSnapshots(vault, name))]);
        const snapshots = listings.flatMap((listing) => listing.snapshots);
        const refs = new Set(snapshots.map(refOf));
        const bad = listings.flatMap((listing) => listing.badCountersignatures);
        if (session.json) {
          printJson(session.console, "ls", {
            snapshots: snapshots.map((each) => ({ ...toJson(each), replicas: placesOf(refOf(each), replicas) })),
            badCountersignatures: bad.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
            replicas: replicas.map((each) => ({
              name: each.name,
              location: each.location,
              error: each.error === undefined ? null : { code: each.error.code, message: each.error.message },
              also: each.refs === undefined ? null : alsoIn(each, refs),
            })),
          });
        } else if (snapshots.length === 0) {
          tell(session.console, `there are no snapshots ${cluster === undefined ? "" : `of ${cluster} `}in ${vault.blobs.location}`);
        } else {
          print(
            session.console,
            formatTable(
              replicas.length === 0 ? HEAD : [...HEAD, "REPLICAS"],
              snapshots.map((each) => [...toRow(each), ...(replicas.length === 0 ? [] : [describePlaces(refOf(each), replicas)])]),
              { width: widthOf(session.console.stdout), dispensable: ["TAKEN", "LINEAGE", "REVISION"] },
            ),
          );
        }
        for (const each of snapshots)
          if ("error" in each) tell(session.console, `warning: ${each.cluster}/${each.id}: ${each.error.message}`);
        for (const { key, error } of bad) tell(session.console, `warning: ${key}: ${error.message}`);
        for (const each of replicas) {
          if (each.error !== undefined) tell(session.console, `warning: replica ${each.name}: ${each.error.message}`);
          const also = alsoIn(each, refs);
          if (also.length > 0) tell(session.console, `the replica ${each.name} also has ${also.join(", ")}`);
        }
        return bad.length > 0 || snapshots.some((each) => "error" in each) ? 6 : 0;
      }),
    );
};

const HEAD = ["SNAPSHOT", "TAKEN", "DATABASE", "STORED", "REVISION", "LINEAGE", "PROOF", "VERIFIED"];

function refOf({ cluster, id }: Listed): string {
  return `${cluster}/${id}`;
}

function toRow(each: Listed): string[] {
  const ref = refOf(each);
  if ("error" in each) return [ref, "", "", "", "", "", "", each.error.code];
  const { manifest } = each.found;
  return [
    ref,
    formatTime(manifest.startedAt),
    formatBytes(manifest.snapshot.bytes - TRAILER_BYTES),
    formatBytes(manifest.stored.bytes),
    String(revisionOf(manifest)),
    String(manifest.lineage),
    manifest.quarantine === undefined ? manifest.proof.status : "quarantined",
    each.verification === undefined ? "no" : formatTime(each.verification.verifiedAt),
  ];
}

function toJson(each: Listed): Omit<JsonDocument<"ls">["snapshots"][number], "replicas"> {
  const slot = parseId(each.id)?.slot;
  if (slot === undefined) throw new Error(`${each.id} was listed, and is no id`);
  const head = { ref: refOf(each), cluster: each.cluster, id: each.id, slot: slot.toISOString() };
  if ("error" in each) return { ...head, ...NOTHING_KNOWN, error: { code: each.error.code, message: each.error.message } };
  const { manifest, digest } = each.found;
  return {
    ...head,
    takenAt: manifest.startedAt,
    databaseBytes: manifest.snapshot.bytes - TRAILER_BYTES,
    storedBytes: manifest.stored.bytes,
    revision: revisionOf(manifest),
    lineage: manifest.lineage,
    proof: describeProof(manifest),
    quarantined: manifest.quarantine !== undefined,
    verifiedAt: each.verification?.verifiedAt ?? null,
    manifestDigest: digest,
    error: null,
  };
}

/** Of a snapshot whose manifest is not believed. */
const NOTHING_KNOWN = {
  takenAt: null,
  databaseBytes: null,
  storedBytes: null,
  revision: null,
  lineage: null,
  proof: null,
  quarantined: null,
  verifiedAt: null,
  manifestDigest: null,
} as const;
