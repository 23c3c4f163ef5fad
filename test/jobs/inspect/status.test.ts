import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { snapshotStatus } from "../../../shared/jobs/inspect/status.ts";
import type { SnapshotStatus } from "../../../shared/jobs/inspect/status.ts";
import { StoredInput } from "../../../shared/jobs/inspect/stored-input.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { boltFile, keyValue, revisionKey } from "../../snapshot/support/bolt-file.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { asSent, flipped } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, plant, sealedObject } from "../../support/vaults.ts";

const { signal } = new AbortController();

/** Some hundred pages, with values that do not compress, so that what is stored has several chunks. */
const NAMES = Array.from({ length: 300 }, (_, index) => `/registry/pods/ns-${index % 3}/pod-${index % 100}`);
const DATABASE = boltFile(
  NAMES.map((name, index) => ({
    key: revisionKey(index + 2),
    value: keyValue(Buffer.from(name), randomBytes(500 + index * 20)),
  })),
).bytes;
const SNAPSHOT = asSent(DATABASE);

const { vault, built } = useBuiltVault((first) =>
  backUp(first, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: SNAPSHOT }]] }]) }),
);
let input: StoredInput;
let dataKey: string;
beforeEach(() => {
  const { manifest } = built;
  input = new StoredInput(vault.snapshots, manifest);
  dataKey = sealedObject(manifest.stored).key;
});

function statusOf(): Promise<SnapshotStatus> {
  return snapshotStatus(input, vault.progress, signal);
}

describe("the status of a stored snapshot", () => {
  test("tells of its content, and names what stands out", async () => {
    const { name, trailer, scan, contents } = await statusOf();
    expect({ name, trailer, tree: scan.tree }).toEqual({ name: "prod/20261121T100000Z", trailer: "ok", tree: "whole" });
    expect(contents?.resources).toMatchObject([{ resource: "pods", revisions: 300, live: 300 }]);
    expect(contents?.prefixes.map(({ prefix }) => Buffer.from(prefix).toString()).toSorted()).toEqual(
      [0, 1, 2].map((index) => `/registry/pods/ns-${index}/`),
    );
    expect(contents?.largestObjects.map(({ key, revision, valueBytes }) => [Buffer.from(key).toString(), revision, valueBytes])).toEqual(
      Array.from({ length: 10 }, (_, place) => [NAMES[299 - place], 301 - place, 500 + (299 - place) * 20]),
    );
    expect(contents?.hotKeys).toEqual([]);
  });

  test("reads everything once and tells how far it is", async () => {
    vault.progress.phases.length = 0;
    await statusOf();
    expect(vault.progress).toMatchObject({ phases: ["read"], bytes: SNAPSHOT.length, totalBytes: SNAPSHOT.length });
  });

  test("is none where what is stored is not what was signed", async () => {
    plant(vault, dataKey, flipped(bytesAt(vault, dataKey), 100_000));
    expect(await failureOf(statusOf())).toMatchObject({ code: saying("verify/") });
  });
});

test("spans are found across the chunks that come out of a store, whatever their sizes", async () => {
  const spans = [
    { at: 0, length: 1 },
    { at: 1, length: 70_000 },
    { at: 200_000, length: 4096 },
    { at: SNAPSHOT.length - 5, length: 5 },
  ];
  const taken: Buffer[] = [];
  for await (const bytes of input.readSpans(spans, signal)) taken.push(Buffer.from(bytes));
  expect(taken.map((bytes, index) => bytes.equals(SNAPSHOT.subarray(spans[index]?.at, (spans[index]?.at ?? 0) + bytes.length)))).toEqual(
    spans.map(() => true),
  );
  expect(taken.map(({ length }) => length)).toEqual(spans.map(({ length }) => length));
  const past = [{ at: SNAPSHOT.length - 5, length: 6 }];
  expect(await failureOf(Array.fromAsync(input.readSpans(past, signal)))).toMatchObject({
    code: "verify/size",
    message: saying("ended after"),
  });
});
