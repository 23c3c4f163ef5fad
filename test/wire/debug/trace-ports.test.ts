import { expect, test } from "vitest";
import { openDebugLog } from "../../../shared/debug-log.ts";
import type { DebugLog } from "../../../shared/debug-log.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { newIdentity } from "../../../shared/seal/age.ts";
import { traceBlobs } from "../../../shared/wire/debug/blobs.ts";
import { traceEtcd } from "../../../shared/wire/debug/etcd.ts";
import { traceKeys } from "../../../shared/wire/debug/keys.ts";
import { blobStoreContract } from "../../contract/blob-store.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { backUp, makeTestKeys, newVault } from "../../support/vaults.ts";
import { collect, failureOf, once, text } from "../../support/blobs.ts";

function log(): { readonly lines: string[]; readonly debug: DebugLog } {
  const lines: string[] = [];
  return { lines, debug: openDebugLog((kind, line) => lines.push(`${kind}: ${line}`)) };
}

blobStoreContract("a store that is told of", () => {
  const clock = new ManualClock();
  const store = new MemoryBlobStore(clock, { versions: false });
  return Promise.resolve({
    store: traceBlobs(store, log().debug, clock),
    aheadBytes: 0,
    unheardBytes: 1,
    written: () => Promise.resolve(store.receivedBytes),
    openReads: () => Promise.resolve(store.openReads),
    now: () => clock.now(),
    close: () => Promise.resolve(),
  });
});

test("calls to a store are told with key, bytes and outcome, and never with contents", async () => {
  const { lines, debug } = log();
  const store = traceBlobs(new MemoryBlobStore(new ManualClock()), debug, new ManualClock());
  await store.put("a/1", once("content"), { ifAbsent: true });
  await text(store, "a/1");
  await store.head("a/2");
  await collect(store.list("a/"));
  for await (const _ of store.get("a/1")) break;
  await failureOf(text(store, "a/2"));
  expect(lines).toEqual([
    "store: put if absent a/1 in memory: done, 7 bytes, 0 ms",
    "store: get a/1 in memory: done, 7 bytes, 0 ms",
    "store: head a/2 in memory: not there, 0 ms",
    "store: list a/ in memory: done, 1 listed, 0 ms",
    "store: get a/1 in memory: left before its end, 7 bytes, 0 ms",
    expect.stringMatching(/^store: get a\/2 in memory: failed: verify\/missing: .*, 0 bytes, 0 ms$/),
  ]);
});

test("calls to keys are told by name, and never with an identity or a ciphertext", async () => {
  const { lines, debug } = log();
  const made = await makeTestKeys();
  try {
    const keys = traceKeys(made.ring, debug, new ManualClock());
    const { identity } = await newIdentity();
    const context = { cluster: "prod", snapshot: "20261121T100000Z" };
    const wrapping = await keys.wrap(identity, context);
    expect(await keys.unwrap(wrapping, context)).toBe(identity);
    await keys.sign("snapshot", Buffer.from("document"));
    await failureOf(keys.unwrap({ ...wrapping, key: "age1other" }, context));
    const told = lines.join("\n");
    expect(told).toContain(`keys: wrap the key of prod/20261121T100000Z by ${keys.location}: done under ${wrapping.key}`);
    expect(told).toMatch(/wrapped under age1\S+ by .*: opened, 0 ms/);
    expect(told).toMatch(/sign for snapshot by .*: done with sha256:/);
    expect(told).toMatch(/wrapped under age1other by .*: failed: keys\/no-match/);
    expect(told).not.toContain(identity);
    expect(told).not.toContain(Buffer.from(wrapping.ciphertext).toString("base64").slice(0, 40));
  } finally {
    await made.remove();
  }
});

test("calls to etcd, and what a backup decides, are told", async () => {
  const { lines, debug } = log();
  const keys = await makeTestKeys();
  try {
    const vault = newVault(keys);
    const etcd = new ScriptedEtcd([{ number: 1, snapshots: [[{ fail: new LifeboatError("etcd/stream", `${endpointOf(1)}: cut`) }]] }]);
    await failureOf(
      backUp({ ...vault, progress: Object.assign(new RecordedProgress(), { debug }) }, { etcd: traceEtcd(etcd, debug, vault.clock) }),
    );
    const told = lines.join("\n");
    expect(told).toMatch(new RegExp(`etcd: Status of ${endpointOf(1)}: member \\S+, etcd `));
    expect(told).toMatch(new RegExp(`etcd: Snapshot of ${endpointOf(1)}: failed: etcd/stream: .*cut`));
    expect(told).toContain("decision: slot: prod/");
    expect(told).toContain("decision: member 1 to ask: ");
    expect(told).toContain("decision: lineage 1: opens, because of first-backup");
  } finally {
    await keys.remove();
  }
});
