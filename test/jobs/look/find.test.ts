import { beforeEach, describe, expect, test } from "vitest";
import { StoredInput } from "../../../shared/jobs/inspect/stored-input.ts";
import { find } from "../../../shared/jobs/look/find.ts";
import { lookThrough, readAgain } from "../../../shared/jobs/look/look-through.ts";
import type { LookPorts } from "../../../shared/jobs/look/look-through.ts";
import { readValues } from "../../../shared/jobs/look/read-values.ts";
import { everyKey, keyBeginsWith } from "../../../shared/snapshot/key-tests.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { boltFile, keyValue, revisionKey } from "../../snapshot/support/bolt-file.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { asSent, flipped } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, plant, sealedObject } from "../../support/vaults.ts";

/** Every third key is deleted in the end, and every fourth was written before. */
const NAMES = Array.from({ length: 60 }, (_, index) => `/registry/pods/ns-${index % 3}/pod-${String(index).padStart(2, "0")}`);
const CHANGES = [
  ...NAMES.filter((_, index) => index % 4 === 0).map((name) => ({ name, value: "old", isDelete: false })),
  ...NAMES.map((name, index) => ({ name, value: `new-${index}-`.repeat(200), isDelete: false })),
  ...NAMES.filter((_, index) => index % 3 === 0).map((name) => ({ name, value: "", isDelete: true })),
];
const DATABASE = boltFile(
  CHANGES.map(({ name, value, isDelete }, index) => ({
    key: revisionKey(index + 2, 0, isDelete),
    value: isDelete ? keyValue(Buffer.from(name)) : keyValue(Buffer.from(name), Buffer.from(value)),
  })),
  { isBackwards: true },
).bytes;
const LIVE = NAMES.flatMap((name, index) =>
  index % 3 === 0 ? [] : [{ name, value: `new-${index}-`.repeat(200), revision: 15 + index + 2 }],
);
const IN_ORDER = LIVE.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));

const { vault, built } = useBuiltVault((first) =>
  backUp(first, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: asSent(DATABASE) }]] }]) }),
);
let input: StoredInput;
let ports: LookPorts;
beforeEach(() => {
  input = new StoredInput(vault.snapshots, built.manifest);
  ports = { progress: vault.progress, signal: new AbortController().signal };
  vault.progress.phases.length = 0;
});

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("what is found in a stored snapshot", () => {
  test("comes in the order of keys, with the beginning of each value, in one pass", async () => {
    const { total, isInOrder, entries } = await find(input, { isWanted: everyKey }, ports);
    expect({ total, isInOrder }).toEqual({ total: LIVE.length, isInOrder: true });
    const found = (await Array.fromAsync(entries)).map(({ key, value, valueBytes, revision }) => ({
      name: text(key),
      head: text(value),
      valueBytes,
      revision,
    }));
    expect(found).toEqual(
      IN_ORDER.map(({ name, value, revision }) => ({ name, head: value.slice(0, 96), valueBytes: value.length, revision })),
    );
    expect(vault.progress.phases).toEqual(["read"]);
  });

  test("comes from a second pass where it takes more memory than it may, the same and no more than is asked for", async () => {
    const { total, isInOrder, entries } = await find(input, { isWanted: everyKey, keptBytes: 500 }, ports);
    expect({ total, isInOrder }).toEqual({ total: LIVE.length, isInOrder: false });
    const names = (await Array.fromAsync(entries)).map(({ key, value, revision }) => `${text(key)} ${text(value)} ${revision}`);
    expect(names.toSorted()).toEqual(IN_ORDER.map(({ name, value, revision }) => `${name} ${value.slice(0, 96)} ${revision}`));
    expect(vault.progress.phases).toEqual(["read", "read again"]);
    expect(vault.progress.infos).toContainEqual(saying("a second time"));
    const few = await find(input, { isWanted: everyKey, keptBytes: 500, limit: 3 }, ports);
    const firstNames = (await Array.fromAsync(few.entries)).map(({ key }) => text(key));
    expect(firstNames.toSorted()).toEqual(
      LIVE.slice(0, 3)
        .map(({ name }) => name)
        .toSorted(),
    );
  });

  test("is what was deleted where that is asked for, kept or read again", async () => {
    const expected = CHANGES.flatMap(({ name, isDelete }, index) => (isDelete ? [{ name, valueBytes: 0, revision: index + 2 }] : []));
    for (const keptBytes of [undefined, 500]) {
      const request = { isWanted: everyKey, deleted: true, ...(keptBytes !== undefined && { keptBytes }) };
      const { total, isInOrder, entries } = await find(input, request, ports);
      expect({ total, isInOrder }).toEqual({ total: expected.length, isInOrder: keptBytes === undefined });
      const found = (await Array.fromAsync(entries)).map(({ key, valueBytes, revision }) => ({ name: text(key), valueBytes, revision }));
      const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
      expect(found.toSorted(byName)).toEqual(expected.toSorted(byName));
    }
  });

  test("has whole values where these are asked for, kept or read again", async () => {
    const isWanted = keyBeginsWith(Buffer.from("/registry/pods/ns-1/"));
    const expected = IN_ORDER.filter(({ name }) => name.includes("ns-1")).map(({ name, value }) => [name, value] as const);
    for (const keptBytes of [undefined, 2000]) {
      const found: [string, string][] = [];
      for await (const { key, value } of readValues(input, isWanted, ports, keptBytes)) found.push([text(key), text(value)]);
      expect(new Map(found)).toEqual(new Map(expected));
    }
  });

  test("is not handed out where the stored bytes are not what was signed", async () => {
    const { key } = sealedObject(built.manifest.stored);
    plant(vault, key, flipped(bytesAt(vault, key), -1));
    expect(await failureOf(find(input, { isWanted: everyKey }, ports))).toMatchObject({ code: "verify/digest" });
  });

  test("is read again only from the same pages", async () => {
    const look = await lookThrough(input, { matches: everyKey, valueBytes: 0, keptBytes: 1 }, ports);
    const other = asSent(DATABASE.map((byte, index) => (index > 30_000 && byte === 0x2d ? 0x2e : byte)));
    const changed = {
      ...look,
      input: {
        ...look.input,
        name: "it",
        async *readSpans(spans: readonly { at: number; length: number }[]) {
          for (const { at, length } of spans) yield other.subarray(at, at + length);
        },
      } as unknown as StoredInput,
    };
    expect(await failureOf(Array.fromAsync(readAgain(changed, ports)))).toMatchObject({
      code: "input/changed",
      message: "it changed while it was read",
    });
  });
});
