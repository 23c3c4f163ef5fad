import { asSent } from "../../support/snapshots.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { boltFile, keyValue, revisionKey } from "../support/bolt-file.ts";
import type { BoltOptions, Entry } from "../support/bolt-file.ts";
import { sampleOf } from "./judge.ts";
import type { Sample } from "./judge.ts";

const text = (key: string, value: string): Entry => ({ key: Buffer.from(key), value: Buffer.from(value) });
const MEMBER = '{"id":10276657743932975437,"peerURLs":["http://10.0.0.1:2380"],"name":"a","clientURLs":["http://10.0.0.1:2379"]}';

/** Small databases of many shapes, the same at every call. */
export function generatedSamples(): Sample[] {
  const inline = [
    { name: "alarm", entries: [text("\u0008\u0001\u0010\u0001", "")] },
    { name: "auth", entries: [text("authEnabled", "\u0001"), text("authRevision", "12345678")] },
    { name: "cluster", entries: [text("clusterVersion", "3.6.0")] },
    { name: "members", entries: [text("8e9e05c52164694d", MEMBER)] },
    { name: "members_removed", entries: [text("1234", "removed")] },
  ];
  const lease = { name: "lease", entries: Array.from({ length: 60 }, (_, index) => text(`lease-${index + 100}`, "x".repeat(index))) };
  const meta = [
    { key: Buffer.from("finishedCompactRev"), value: revisionKey(4) },
    { key: Buffer.from("scheduledCompactRev"), value: revisionKey(5) },
  ];
  const shapes: readonly (readonly [string, number, BoltOptions])[] = [
    ["plain", 12, {}],
    ["backwards", 30, { isBackwards: true, perLeaf: 2 }],
    ["rich", 40, { inline, paged: [lease], meta }],
    ["stale", 20, { stale: [stalePage(4), stalePage(5)], perLeaf: 4 }],
    ["freelist", 20, { stale: [stalePage(4), stalePage(5)], free: [4, 5] }],
    ["one leaf", 3, { perLeaf: 5 }],
    ["small pages", 25, { pageBytes: 1024, inline, meta }],
    ["large pages", 25, { pageBytes: 16_384, inline, perLeaf: 9 }],
  ];
  return shapes.map(([name, count, options], index) => {
    const { bytes } = boltFile(entriesOf(count, new SeededRandom(index)), options);
    return sampleOf(name, index % 2 === 0 ? asSent(bytes) : bytes);
  });
}

/** Puts and deletes of a few keys, some encrypted and one long. */
function entriesOf(count: number, random: SeededRandom): Entry[] {
  const alive = new Set<number>();
  return Array.from({ length: count }, (_, index) => {
    const key = random.below(7);
    const name = Buffer.from(`/registry/pods/${key}`);
    const isDelete = alive.has(key) && random.below(3) === 0;
    if (isDelete) alive.delete(key);
    else alive.add(key);
    const value =
      index === 5
        ? Buffer.alloc(9000, 7)
        : Buffer.concat([Buffer.from(random.pick(["", "k8s:enc:aescbc:v1:a:"])), random.bytes(random.below(200))]);
    return { key: revisionKey(index + 6, index % 3, isDelete), value: isDelete ? keyValue(name) : keyValue(name, value) };
  });
}

/** A leaf from the past, with the number of the place where it lies. */
function stalePage(id: number): Buffer {
  const page = Buffer.from(
    boltFile([{ key: revisionKey(2), value: keyValue(Buffer.from("old"), Buffer.from("old")) }]).bytes.subarray(4 * 4096),
  );
  page.writeUInt32LE(id, 0);
  return page;
}
