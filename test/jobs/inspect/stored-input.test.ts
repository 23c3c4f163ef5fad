import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { StoredInput } from "../../../shared/jobs/inspect/stored-input.ts";
import { failureOf } from "../../support/blobs.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, sealedObject } from "../../support/vaults.ts";

const BLOCK = 4 * 1024 * 1024;
const BLOCKS = 9;
/** Told apart by every 4 bytes. */
const CONTENT = Buffer.from(Uint32Array.from({ length: (BLOCKS * BLOCK) / 4 }, (_, index) => index >>> 4).buffer);

async function* blocks() {
  for (let at = 0; at < CONTENT.length; at += BLOCK)
    yield await Promise.resolve({ bytes: CONTENT.subarray(at, at + BLOCK), release: () => undefined });
}

const { vault, built } = useBuiltVault(async (first) => {
  const { manifest } = await backUp(first);
  const pending = await first.snapshots.save(manifest, blocks());
  const stored = await pending.commit({ bytes: CONTENT.length, sha256: `sha256:${createHash("sha256").update(CONTENT).digest("hex")}` });
  return { manifest: { ...manifest, stored, snapshot: { ...manifest.snapshot, bytes: CONTENT.length } } };
});

const read = (spans: readonly { readonly at: number; readonly length: number }[]): Promise<Buffer[]> =>
  Array.fromAsync(new StoredInput(vault.snapshots, built.manifest).readSpans(spans, new AbortController().signal), (bytes) =>
    Buffer.from(bytes),
  );

test.each([
  ["few", 2],
  ["many", 40],
])("%s places of a large snapshot are what it has there, also across its pieces", async (_how, count) => {
  const spans = Array.from({ length: count }, (_, index) => ({ at: 3 * BLOCK - 5000 + index * 4096, length: 4096 }));
  expect(await read(spans)).toEqual(spans.map(({ at, length }) => CONTENT.subarray(at, at + length)));
});

test("of few places no more is read than their pieces", async () => {
  const { key } = sealedObject(built.manifest.stored);
  const whole = bytesAt(vault, key).length;
  const get = vi.spyOn(vault.blobs, "get");
  await read([{ at: 5 * BLOCK, length: 4096 }]);
  const moved = get.mock.calls.reduce((sum, [, { range } = {}]) => sum + (range === undefined ? Infinity : range.end - range.start), 0);
  expect(moved).toBeGreaterThan(0);
  expect(moved).toBeLessThan(whole / 2);
  expect(await failureOf(read([{ at: CONTENT.length - 1, length: 2 }]))).toMatchObject({ code: "verify/size" });
});
