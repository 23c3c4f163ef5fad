import { describe, expect, test } from "vitest";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import type { CustodyDraft } from "../../../shared/vault/custody/append.ts";
import { findHead } from "../../../shared/vault/custody/head.ts";
import { verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import { custodyKey } from "../../../shared/documents/layout.ts";
import type { CustodyReceipt } from "../../../shared/documents/parts.ts";
import { digestOf } from "../../../shared/documents/signed-document.ts";
import { failureOf } from "../../support/blobs.ts";
import { anyText, saying } from "../../support/matchers.ts";
import { useVault } from "../../support/use-vault.ts";
import { bytesAt, CLUSTER, custodyOf, plant } from "../../support/vaults.ts";

const { keys, vault } = useVault();

const FAILED: CustodyDraft = { event: "failed", subjects: [], details: { code: "etcd/unreachable", reason: "m1 refused" } };
const append = (draft = FAILED): Promise<CustodyReceipt> => appendRecord(vault, CLUSTER, "snapshot", draft);

async function findings(): Promise<readonly string[]> {
  return (await verifyCustody(vault, CLUSTER, { onRecord: () => undefined })).findings.map(({ code }) => code);
}

describe("a record", () => {
  test("says who did what when, and names the bytes of the one before", async () => {
    const first = await append();
    vault.clock.advance(60_000);
    const second = await append({ event: "backup", subjects: [{ key: "clusters/prod/snapshots/x.json" }] });
    expect(first).toEqual({ sequence: 1, digest: digestOf(bytesAt(vault, "clusters/prod/custody/0000000/0000000001.json")) });
    expect(second).toEqual({ sequence: 2, digest: digestOf(bytesAt(vault, "clusters/prod/custody/0000000/0000000002.json")) });
    const common = {
      type: "custody",
      formatVersion: 1,
      cluster: "prod",
      actor: "ann@backups",
      tool: { name: "etcd-lifeboat", version: anyText },
    };
    expect(custodyOf(vault)).toMatchObject([
      {
        ...common,
        sequence: 1,
        time: "2026-11-21T10:00:00.000Z",
        ...FAILED,
        signer: { purpose: "snapshot", fingerprint: keys.trusted.snapshot[0] },
      },
      { ...common, sequence: 2, previous: first.digest, time: "2026-11-21T10:01:00.000Z", event: "backup", details: {} },
    ]);
    expect(custodyOf(vault)[0]).not.toHaveProperty("previous");
  });

  test("of one cluster stands in that cluster's log alone", async () => {
    await append();
    expect(await appendRecord(vault, "staging", "audit", FAILED)).toMatchObject({ sequence: 1 });
    expect(custodyOf(vault)).toHaveLength(1);
  });

  test("is signed for the role that acts, and no role tells of what is another's", async () => {
    await appendRecord(vault, CLUSTER, "audit", { event: "removed", subjects: [{ key: "clusters/prod/data/x" }] });
    expect(custodyOf(vault)[0]?.signer).toMatchObject({ purpose: "audit", fingerprint: keys.trusted.audit[0] });
    expect(await failureOf(append({ event: "removed", subjects: [] }))).toMatchObject({
      message: saying("not signed by the snapshot key"),
    });
    expect(custodyOf(vault)).toHaveLength(1);
  });

  test("that readers would not believe is not written", async () => {
    const distrusting = { ...vault, trusted: { ...vault.trusted, snapshot: keys.trusted.audit } };
    expect(await failureOf(appendRecord(distrusting, CLUSTER, "snapshot", FAILED))).toMatchObject({ code: "verify/untrusted" });
    expect(vault.blobs.objects.size).toBe(0);
  });
});

describe("a change of the configuration", () => {
  const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const appendWith = (configuration: Readonly<Record<string, string>>): Promise<CustodyReceipt> =>
    appendRecord({ ...vault, configuration: () => configuration }, CLUSTER, "snapshot", FAILED);
  const told = (): readonly unknown[] => custodyOf(vault).map(({ event, details }) => [event, details.reason]);

  test("is a record of its own, before the first thing that is done with it", async () => {
    await appendWith({ breakGlass: digest("a"), cluster: digest("c") });
    await appendWith({ breakGlass: digest("a"), cluster: digest("c") });
    expect(await appendWith({ breakGlass: digest("b"), cluster: digest("c") })).toMatchObject({ sequence: 4 });
    expect(told()).toEqual([
      ["failed", "m1 refused"],
      ["failed", "m1 refused"],
      ["configuration-changed", "breakGlass"],
      ["failed", "m1 refused"],
    ]);
    expect(custodyOf(vault)[2]?.configuration).toEqual({ breakGlass: digest("b"), cluster: digest("c") });
    expect(await findings()).toEqual([]);
  });

  test("that a run in between knew nothing of is told all the same", async () => {
    await appendWith({ breakGlass: digest("a"), cluster: digest("c") });
    await appendWith({ breakGlass: digest("a") });
    await appendWith({ breakGlass: digest("a"), cluster: digest("d") });
    expect(told()).toEqual([
      ["failed", "m1 refused"],
      ["failed", "m1 refused"],
      ["configuration-changed", "cluster"],
      ["failed", "m1 refused"],
    ]);
  });

  test("is not seen where the record before is none of ours, or knew of no configuration", async () => {
    await append();
    await appendWith({ breakGlass: digest("a") });
    plant(vault, custodyKey(CLUSTER, 3), "not a record");
    await appendWith({ breakGlass: digest("b") });
    // Larger than any record: the log goes on behind it, and names it by its size and its first 1 MiB.
    const huge = Buffer.alloc(2 * 1024 * 1024, "x");
    plant(vault, custodyKey(CLUSTER, 5), huge);
    await appendWith({ breakGlass: digest("c") });
    const { payload } = JSON.parse(bytesAt(vault, custodyKey(CLUSTER, 6)).toString()) as { payload: string };
    expect(JSON.parse(Buffer.from(payload, "base64").toString())).toMatchObject({
      sequence: 6,
      previous: digestOf(huge.subarray(0, 1024 * 1024)),
      previousBytes: huge.length,
    });
    expect([...vault.blobs.objects.keys()].filter((key) => key.includes("/custody/"))).toHaveLength(6);
  });

  test("is told once by writers at the same time", async () => {
    await appendWith({ breakGlass: digest("a") });
    await Promise.all(Array.from({ length: 8 }, () => appendWith({ breakGlass: digest("b") })));
    const changes = told().filter((each) => JSON.stringify(each).includes("configuration-changed"));
    expect(changes.length).toBeGreaterThanOrEqual(1);
    expect(custodyOf(vault)).toHaveLength(9 + changes.length);
    expect(await findings()).toEqual([]);
  });
});

describe("eight writers at once", () => {
  test("all get a place, and the chain holds", async () => {
    const writers = Array.from({ length: 8 }, async () => {
      const own: CustodyReceipt[] = [];
      for (let turn = 0; turn < 5; turn += 1) own.push(await append());
      return own;
    });
    const receipts = (await Promise.all(writers)).flat();
    expect(receipts.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    for (const { sequence, digest } of receipts) expect(digestOf(bytesAt(vault, custodyKey(CLUSTER, sequence)))).toBe(digest);
    expect(await findings()).toEqual([]);
  });

  test("of which others are always faster: this one gives up, and says why", async () => {
    await append();
    const rival = bytesAt(vault, custodyKey(CLUSTER, 1));
    const put = vault.blobs.put.bind(vault.blobs);
    vault.blobs.put = async (key, ...rest) => {
      plant(vault, key, rival);
      return put(key, ...rest);
    };
    expect(await failureOf(append())).toMatchObject({
      code: "busy",
      retryable: true,
      message: "other runs wrote to the custody log of prod at each of 100 attempts to append a record",
      hint: anyText,
    });
    expect(vault.blobs.objects.size).toBe(101);
  });
});

describe("a store that fails", () => {
  test.each(["put", "listFolders", "list"] as const)("in a %s: the error is the store's, and there is no record", async (call) => {
    await append();
    vault.blobs.inject({ call, key: /custody/, fault: { kind: "error" } });
    expect(await failureOf(append())).toMatchObject({ code: "store/failed" });
    expect(vault.blobs.pendingFaults).toEqual([]);
    expect(custodyOf(vault)).toHaveLength(1);
    expect(await append()).toMatchObject({ sequence: 2 });
    expect(await findings()).toEqual([]);
  });

  test("at any byte of the record leaves nothing of it", async () => {
    for (const atByte of [0, 1, 500, 1e9]) {
      vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "error", atByte } });
      expect(await failureOf(append())).toMatchObject({ code: "store/failed" });
    }
    expect(vault.blobs.objects.size).toBe(0);
  });

  test("to read the last record back: nothing is appended behind what cannot be named", async () => {
    await append();
    vault.blobs.inject({ call: "get", key: /custody/, fault: { kind: "error" } });
    expect(await failureOf(append())).toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault)).toHaveLength(1);
  });

  test("only to acknowledge: there is one record, and its receipt is right", async () => {
    vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "lost-acknowledgement" } });
    const { sequence, digest } = await append();
    expect(custodyOf(vault)).toHaveLength(1);
    expect([sequence, digest]).toEqual([1, digestOf(bytesAt(vault, custodyKey(CLUSTER, 1)))]);
  });

  test("to keep what it acknowledged is found by verification, and the log goes on", async () => {
    vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "short-write", bytes: 100 } });
    await append();
    expect(await append()).toMatchObject({ sequence: 2 });
    expect(await findings()).toEqual(["custody/altered"]);
  });
});

describe("the end of the log", () => {
  /** Numbers that are there, by their keys alone. */
  function plantAll(sequences: readonly number[]): void {
    for (const sequence of sequences) plant(vault, custodyKey(CLUSTER, sequence), "{}");
  }
  const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

  test.each([0, 1, 2, 3, 99, 100, 101, 199, 255, 256, 257, 1000])("of %i records is found, whatever was known before", async (last) => {
    plantAll(upTo(last));
    for (const from of new Set([0, Math.floor(last / 2), last])) expect(await findHead(vault.blobs, CLUSTER, { from })).toBe(last);
  });

  test("of a hundred thousand is found in a few calls", async () => {
    plantAll(upTo(100_000));
    expect(await findHead(vault.blobs, CLUSTER)).toBe(100_000);
    expect(vault.blobs.calls).toMatchObject({ head: 0, listFolders: 1, list: 1, get: 0 });
  });

  test("an append to a log of twenty thousand costs five calls at most", async () => {
    plantAll(upTo(20_000));
    for (const call of Object.keys(vault.blobs.calls) as (keyof typeof vault.blobs.calls)[]) vault.blobs.calls[call] = 0;
    expect(await append()).toMatchObject({ sequence: 20_001 });
    expect(Object.values(vault.blobs.calls).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(5);
  });

  test("is in the folder that was begun since the folders were listed", async () => {
    plantAll(upTo(999));
    const list = vault.blobs.list.bind(vault.blobs);
    vault.blobs.list = (prefix, options) => {
      plantAll([1000]);
      return list(prefix, options);
    };
    expect(await findHead(vault.blobs, CLUSTER)).toBe(1000);
  });

  test("is behind a gap of up to a thousand, so that the gap stays", async () => {
    plantAll([...upTo(40), 141, 142, 243]);
    expect(await findHead(vault.blobs, CLUSTER)).toBe(243);
    // Across the end of a thousand as well.
    vault.blobs.objects.clear();
    plantAll([...upTo(949), 1950]);
    expect(await findHead(vault.blobs, CLUSTER)).toBe(1950);
    vault.blobs.objects.clear();
    for (let turn = 0; turn < 5; turn += 1) await append();
    vault.blobs.objects.delete(custodyKey(CLUSTER, 3));
    expect(await append()).toMatchObject({ sequence: 6 });
    expect(await findings()).toEqual(["custody/missing"]);
  });

  test("behind a wider gap is not always found: what goes into it does not close it", async () => {
    for (let turn = 0; turn < 3; turn += 1) await append();
    const far = bytesAt(vault, custodyKey(CLUSTER, 3));
    vault.blobs.objects.delete(custodyKey(CLUSTER, 3));
    plant(vault, custodyKey(CLUSTER, 3700), far);
    expect(await append()).toMatchObject({ sequence: 3 });
    expect(await findings()).toEqual(["custody/missing", "custody/misplaced"]);
  });

  test("is not disturbed by other objects there", async () => {
    for (const name of [
      "1.json",
      "0000000/0000000001.json.bak",
      "0000000/00000000012.json",
      "0000000/0000000000.json",
      "x.json",
      "0000000001.json",
      "0000001/0000000001.json",
    ])
      plant(vault, `clusters/prod/custody/${name}`, "{}");
    expect(await append()).toMatchObject({ sequence: 1 });
    expect(await findings()).toEqual([]);
  });
});
