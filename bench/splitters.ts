import { cp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { BLOCK_BYTES } from "../shared/blocks.ts";
import type { Kopia, Splitter } from "../shared/store/kopia/program/kopia.ts";
import { openKopia } from "../shared/store/kopia/program/open-kopia.ts";
import { openClient } from "../tools/lab/connection.ts";
import type { Connection } from "../tools/lab/connection.ts";
import { startCluster } from "../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../tools/lab/etcd-cluster.ts";
import { SIZES } from "./cluster.ts";
import type { Size } from "./cluster.ts";
import { fill, load, VALUE_BYTES } from "./load.ts";
import { markdownTable } from "./table.ts";

export interface SplitterContest {
  readonly size: Size;
  readonly splitters: readonly Splitter[];
  /** Path of kopia. */
  readonly kopia: string;
  /** An empty folder, on the disk that is to be written to. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** What a repository grew by, in bytes. */
export interface SplitterResult {
  readonly splitter: Splitter;
  readonly first: number;
  /** By the snapshot after 1 % of keys were changed and compacted. */
  readonly sameMember: number;
  /** By one of then of another member, in place of it. */
  readonly otherMember: number;
}

/** One key in so many is changed, by chance: the bytes that do not compress decide, and so the same keys each time. */
const CHANGED = 100;

/** Puts the same snapshots into a repository of each splitter. */
export async function holdSplitters({
  size,
  splitters,
  kopia,
  folder,
  signal,
  progress,
}: SplitterContest): Promise<readonly SplitterResult[]> {
  await takeSnapshots(size, folder, signal, progress);
  const results: SplitterResult[] = [];
  for (const splitter of splitters) {
    progress(`splitters: ${splitter}`);
    const repository = join(folder, "repository");
    const copy = join(folder, "copy");
    const first = await growth(kopia, repository, join(folder, "first.db"), splitter);
    await cp(repository, copy, { recursive: true });
    const sameMember = await growth(kopia, repository, join(folder, "same.db"));
    const otherMember = await growth(kopia, copy, join(folder, "other.db"));
    results.push({ splitter, first, sameMember, otherMember });
    await rm(repository, { recursive: true });
    await rm(copy, { recursive: true });
  }
  return results;
}

/** Leaves first.db, same.db and other.db in `folder`. */
async function takeSnapshots(size: Size, folder: string, signal: AbortSignal, progress: (text: string) => void): Promise<void> {
  // A member that is joined later begins with a copy of another's database: both are there from the start.
  await using cluster = await startCluster({ version: "3.6", members: 2, flags: [`--quota-backend-bytes=${8 * 1024 ** 3}`] });
  const keys = SIZES[size];
  await fill(cluster.connection, keys, signal, (done) => progress(`splitters: filling: ${done} of ${keys} keys`));
  await save(cluster, 0, join(folder, "first.db"));
  progress("splitters: changing 1 % of keys");
  await change(cluster.connection, keys, signal);
  await save(cluster, 0, join(folder, "same.db"));
  await save(cluster, 1, join(folder, "other.db"));
}

async function save(cluster: EtcdCluster, member: number, file: string): Promise<void> {
  await cluster.etcdctl(["snapshot", "save", file], { endpoints: [cluster.endpoints[member] ?? ""] });
}

/** Gives one key in a hundred another value of the same size, and compacts. */
async function change(connection: Connection, keys: number, signal: AbortSignal): Promise<void> {
  const client = openClient(connection);
  try {
    let revision = "0";
    for (const { key, value } of load(keys)) {
      if (value.readUInt32LE(VALUE_BYTES - 4) % CHANGED !== 0) continue;
      signal.throwIfAborted();
      // The part of the value that does not compress, turned over.
      const other = value.map((byte, at) => (at < VALUE_BYTES - 640 ? byte : byte ^ 0xa5));
      const { header } = await client.put(key).value(Buffer.from(other));
      revision = header.revision;
    }
    await client.kv.compact({ revision, physical: true });
  } finally {
    client.close();
  }
}

/** Puts `file` into the repository at `path`, which is made first where a splitter is given. */
async function growth(program: string, path: string, file: string, splitter?: Splitter): Promise<number> {
  const repository = { kind: "filesystem", path } as const;
  await using kopia = await openKopia({ program, repository, password: "of the bench", environment: process.env });
  if (splitter !== undefined) await kopia.create({ splitter });
  const before = await kopia.blobStats();
  await put(kopia, file);
  return (await kopia.blobStats()).bytes - before.bytes;
}

async function put(kopia: Kopia, file: string): Promise<void> {
  const upload = await kopia.snapshotCreate({ source: "/etcd/bench", file: "snapshot.db", tags: {} });
  try {
    await using handle = await open(file);
    const stream = handle.createReadStream({ highWaterMark: BLOCK_BYTES, autoClose: false });
    for await (const bytes of stream as AsyncIterable<Buffer>) await upload.write({ bytes, release: () => {} });
    await upload.end();
  } finally {
    await upload.kill();
  }
}

/** A table: sizes in 10^6 bytes. */
export function splittersReport(size: Size, results: readonly SplitterResult[]): string {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const rows = results.map(({ splitter, first, sameMember, otherMember }) => [splitter, mb(first), mb(sameMember), mb(otherMember)]);
  const header = [`${size} MB into Kopia, MB`, "first", "second, same member", "second, another member"];
  return markdownTable(header, rows);
}
