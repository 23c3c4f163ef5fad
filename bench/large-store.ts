import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig } from "../shared/config/load.ts";
import { custodyKey, idInManifestKey, lineageKey, manifestKey, verifiedKey } from "../shared/documents/layout.ts";
import type { Manifest } from "../shared/documents/manifest.ts";
import { digestOf, openDocument, signAs } from "../shared/documents/signed-document.ts";
import type { StoredDocument, Unsigned } from "../shared/documents/signed-document.ts";
import { idOfSlot } from "../shared/documents/slot.ts";
import { LocalKeyRing } from "../shared/keys/local/local-key-ring.ts";
import { DirectoryBlobStore } from "../shared/store/directory/directory-store.ts";
import { TOOL } from "../shared/version.ts";

/** Of a folder that `lifeboat init` made, with one snapshot of `cluster` in it. */
export interface LargeStore {
  readonly folder: string;
  readonly cluster: string;
  /** How many countersigned snapshots of each cluster it is to hold, hourly, up to the one that is there. */
  readonly snapshots: number;
  /** The clusters that it is to have; that one alone where they are left out. */
  readonly clusters?: readonly string[];
}

const DATA = "x";
const HOUR_MS = 3_600_000;

/**
 * Fills a store with the documents of years of hourly backups: each with its manifest, its countersignature and their two records in the custody log, signed with the store's own keys and chained. Data objects are of one byte, which nothing
 * that is timed reads. Documents are written past the store's own put, which would flush each: 40,000 flushes are not what is measured.
 */
export async function fillStore({ folder, cluster, snapshots, clusters = [cluster] }: LargeStore): Promise<void> {
  const { config } = await loadConfig(join(folder, "lifeboat.yaml"), { file: "lifeboat.yaml" });
  const keys = new LocalKeyRing(join(folder, "keys"));
  const store = join(folder, "vault");
  const template = await templateOf(store, cluster, config.trustedKeys);
  await rm(join(store, "clusters", cluster), { recursive: true });
  for (const each of clusters) await fillCluster({ keys, store, template }, each, snapshots);
}

interface Pen {
  readonly keys: LocalKeyRing;
  readonly store: string;
  readonly template: Manifest;
}

async function fillCluster({ keys, store, template }: Pen, cluster: string, snapshots: number): Promise<void> {
  const folders = new Set<string>();
  const write = (key: string, { bytes }: Pick<StoredDocument, "bytes">): void => {
    const folder = dirname(join(store, key));
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
    folders.add(folder);
    // At once: by the thread pool 800,000 small files take five times as long.
    writeFileSync(join(store, key), bytes);
  };
  let sequence = 0;
  let previous: string | undefined;
  const record = async (
    purpose: "snapshot" | "audit",
    event: "backup" | "verified" | "lineage-opened",
    time: string,
    subjects: Unsigned<"custody">["subjects"],
  ): Promise<{ sequence: number; digest: string }> => {
    sequence += 1;
    const document = await signAs(keys, purpose, "custody", {
      type: "custody",
      formatVersion: 1,
      cluster,
      sequence,
      ...(previous === undefined ? {} : { previous }),
      time,
      actor: "bench@bench",
      event,
      subjects,
      details: {},
      tool: TOOL,
    });
    write(custodyKey(cluster, sequence), document);
    previous = document.digest;
    return { sequence, digest: document.digest };
  };
  const end = Math.floor(Date.parse(template.createdAt) / HOUR_MS) * HOUR_MS;
  const { signer: _, ...of } = template;
  const rest = { ...of, cluster };
  const openedAt = new Date(end - (snapshots + 1) * HOUR_MS).toISOString();
  const opened = await record("snapshot", "lineage-opened", openedAt, [{ key: lineageKey(cluster, 1) }]);
  write(
    lineageKey(cluster, 1),
    await signAs(keys, "snapshot", "lineage", {
      type: "lineage",
      formatVersion: 1,
      cluster,
      number: 1,
      clusterId: rest.etcd.clusterId,
      openedAt,
      reason: "first-backup",
      revision: 1,
      tool: TOOL,
      custody: opened,
    }),
  );
  for (let index = 0; index < snapshots; index++) {
    const at = new Date(end - (snapshots - index) * HOUR_MS);
    const time = at.toISOString();
    const id = idOfSlot(at);
    const { stored } = rest;
    if (stored.kind !== "sealed") throw new Error("the template is not sealed");
    const data = {
      ...stored,
      key: `clusters/${cluster}/data/${id}-${randomBytes(4).toString("hex")}.age`,
      sha256: digestOf(randomBytes(32)),
      bytes: DATA.length,
    };
    write(data.key, { bytes: Buffer.from(DATA) });
    const announced = await record("snapshot", "backup", time, [{ key: manifestKey(cluster, id) }, { key: data.key, digest: data.sha256 }]);
    const manifest = await signAs(keys, "snapshot", "snapshot", {
      ...rest,
      id,
      slot: { time, trigger: "slot" },
      startedAt: time,
      createdAt: time,
      stored: data,
      snapshot: { ...rest.snapshot, sha256: digestOf(randomBytes(32)), trailer: digestOf(randomBytes(32)) },
      custody: announced,
    });
    write(manifestKey(cluster, id), manifest);
    const key = verifiedKey(cluster, id, id);
    const verified = await record("audit", "verified", time, [{ key }, { key: manifestKey(cluster, id), digest: manifest.digest }]);
    const countersignature = await signAs(keys, "audit", "verification", {
      type: "verification",
      formatVersion: 1,
      cluster,
      id,
      manifestDigest: manifest.digest,
      verifiedAt: time,
      level: "deep",
      snapshot: { bytes: rest.snapshot.bytes, sha256: digestOf(randomBytes(32)) },
      opened: stored.encryption.wrappings.map(({ key: name }) => name),
      wrappings: [],
      tool: TOOL,
      custody: verified,
    });
    write(key, countersignature);
  }
}

async function templateOf(store: string, cluster: string, trusted: Parameters<typeof openDocument>[2]): Promise<Manifest> {
  const blobs = new DirectoryBlobStore(store, randomBytes);
  for await (const { key } of blobs.list(`clusters/${cluster}/snapshots/`))
    if (idInManifestKey(cluster, key) !== undefined) return openDocument("snapshot", await readFile(join(store, key)), trusted, key);
  throw new Error(`there is no snapshot of ${cluster} in ${store}`);
}
