import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import { listCustody, verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import type { CustodyReport } from "../../../shared/jobs/audit/custody.ts";
import { findOrphans } from "../../../shared/jobs/orphans/find.ts";
import { sweepOrphans } from "../../../shared/jobs/orphans/sweep.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { custodyKey, lineageKey, manifestKey } from "../../../shared/documents/layout.ts";
import type { CustodyReceipt } from "../../../shared/documents/parts.ts";
import type { SealedObject } from "../../../shared/documents/stored.ts";
import { digestOf, signAs } from "../../../shared/documents/signed-document.ts";
import { failureOf } from "../../support/blobs.ts";
import { payloadOf, signedBy, withPayload } from "../../support/envelopes.ts";
import { saying } from "../../support/matchers.ts";
import { flipped } from "../../support/snapshots.ts";
import {
  backUp,
  bytesAt,
  CLUSTER,
  custodyOf,
  makeTestKeys,
  newVault,
  oneMember,
  plant,
  rewrite,
  sealedObject,
} from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

/** The log of two backups and a verification, held against the store: as it is, and tampered with in every way. */

const FIRST = manifestKey(CLUSTER, "20261121T100000Z");
const SECOND = manifestKey(CLUSTER, "20261121T110000Z");
const UNHEARD = { swept: (): void => undefined, locked: (): void => undefined };
const COUNTERSIGNATURE = "clusters/prod/verified/20261121T110000Z-20261121T120000Z.json";

let keys: TestKeys;
let vault: TestVault;
let data: string;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(async () => {
  vault = newVault(keys);
  await backUp(vault);
  vault.clock.advance(3_600_000);
  const { manifest } = await backUp(vault);
  data = sealedObject(manifest.stored).key;
  vault.clock.advance(3_600_000);
  await verifyDeep(vault, "prod/latest");
});

const verify = (head?: CustodyReceipt): Promise<CustodyReport> => verifyCustody(vault, CLUSTER, { head, onRecord: () => undefined });
const record = (sequence: number): string => custodyKey(CLUSTER, sequence);
const remove = (key: string): void => expect(vault.blobs.objects.delete(key)).toBe(true);

async function findings(head?: CustodyReceipt): Promise<readonly (readonly [string, string])[]> {
  return (await verify(head)).findings.map(({ code, subject }) => [code, subject]);
}

function receipt(sequence: number): CustodyReceipt {
  return { sequence, digest: digestOf(bytesAt(vault, record(sequence))) };
}

describe("a log that nobody touched", () => {
  test("tells of everything in order, and holds", async () => {
    expect(custodyOf(vault).map(({ event, signer }) => [event, signer.purpose])).toEqual([
      ["lineage-opened", "snapshot"],
      ["backup", "snapshot"],
      ["backup", "snapshot"],
      ["verified", "audit"],
    ]);
    expect(await verify()).toEqual({ head: receipt(4), findings: [], records: 4, documents: 4 });
    for (const sequence of [1, 2, 3, 4]) expect(await findings(receipt(sequence))).toEqual([]);
  });

  test("says of each backup what it announces, with its data, and that the one before was there", async () => {
    const [, first, second, verified] = custodyOf(vault);
    expect(first?.subjects).toEqual([{ key: FIRST }, { key: saying("clusters/prod/data/"), digest: saying("sha256:") }]);
    expect(first?.details).toEqual({});
    expect(second?.subjects[1]).toEqual({ key: data, digest: digestOf(bytesAt(vault, data)) });
    expect(second?.details).toEqual({ seen: { key: FIRST, digest: digestOf(bytesAt(vault, FIRST)) } });
    expect(verified?.subjects).toEqual([{ key: COUNTERSIGNATURE }, { key: SECOND, digest: digestOf(bytesAt(vault, SECOND)) }]);
  });

  test("is listed from a time on", async () => {
    const listed: number[] = [];
    await listCustody(vault, CLUSTER, { since: new Date("2026-11-21T11:00:00Z"), onRecord: ({ sequence }) => listed.push(sequence) });
    expect(listed).toEqual([3, 4]);
  });

  test("of many records is read in order", async () => {
    for (let turn = 0; turn < 60; turn += 1) await appendRecord(vault, CLUSTER, "bundle", { event: "bundle", subjects: [] });
    const listed: number[] = [];
    await listCustody(vault, CLUSTER, { onRecord: ({ sequence }) => listed.push(sequence) });
    expect(listed).toEqual(Array.from({ length: 64 }, (_, index) => index + 1));
    expect(await findings()).toEqual([]);
  });

  test("of which the last ones are asked for, reads those alone, and says how many it left out", async () => {
    vault.blobs.calls.get = 0;
    const listed: number[] = [];
    const leftOut: number[] = [];
    const options = {
      onRecord: ({ sequence }: { sequence: number }) => listed.push(sequence),
      onLeftOut: (count: number) => leftOut.push(count),
    };
    await listCustody(vault, CLUSTER, { ...options, limit: 1 });
    expect([listed, leftOut, vault.blobs.calls.get]).toEqual([[4], [3], 1]);
    await listCustody(vault, CLUSTER, { ...options, limit: 4 });
    expect([listed, leftOut]).toEqual([[4, 1, 2, 3, 4], [3]]);
  });

  test("passes a store's failure on, and opens no more than it closes", async () => {
    vault.blobs.inject({ call: "get", key: /custody\/0000000\/0000000003/, fault: { kind: "error" } });
    expect(await failureOf(verify())).toMatchObject({ code: "store/failed" });
    expect(vault.blobs.openReads).toBe(0);
  });

  test("finds documents that name no record, however old they say that they are", async () => {
    // Whoever has the snapshot key can date a manifest as they like: nothing is from before the log.
    vault = newVault(keys);
    await backUp(vault);
    await rewrite(vault, "snapshot", FIRST, (document) => ({ ...document, custody: undefined, createdAt: "2020-01-01T00:00:00.000Z" }));
    await rewrite(vault, "lineage", lineageKey(CLUSTER, 1), (document) => ({ ...document, custody: undefined }));
    for (const sequence of [1, 2]) remove(record(sequence));
    const unlogged = [
      ["custody/unlogged", FIRST],
      ["custody/unlogged", lineageKey(CLUSTER, 1)],
    ];
    expect(new Set(await findings())).toEqual(new Set(unlogged));
    vault.clock.advance(3_600_000);
    await backUp(vault);
    expect(new Set(await findings())).toEqual(new Set(unlogged));
  });
});

describe("the chain", () => {
  test("a record that is missing, and several", async () => {
    remove(record(2));
    expect(await findings()).toEqual([["custody/missing", record(2)]]);
    remove(record(3));
    expect((await verify()).findings).toMatchObject([
      { message: "records 2 to 3 are missing, but later ones are there", fix: saying("find out who") },
    ]);
  });

  test("two that were exchanged", async () => {
    const [two, three] = [bytesAt(vault, record(2)), bytesAt(vault, record(3))];
    plant(vault, record(2), three);
    plant(vault, record(3), two);
    const found = await verify();
    expect(found.findings.slice(0, 2)).toMatchObject([
      { code: "custody/misplaced", subject: record(2), message: saying("holds record 3 of prod") },
      { code: "custody/misplaced", subject: record(3), message: saying("holds record 2 of prod") },
    ]);
  });

  test("one of another cluster's log", async () => {
    await appendRecord(vault, "staging", "snapshot", { event: "failed", subjects: [] });
    plant(vault, record(5), bytesAt(vault, custodyKey("staging", 1)));
    expect(await findings()).toEqual([["custody/misplaced", record(5)]]);
  });

  test.each<[string, (bytes: Buffer) => Uint8Array | string]>([
    ["a flipped bit", (bytes) => flipped(bytes, 700)],
    ["nothing", () => ""],
    ["no JSON", () => "{"],
    ["more than a document holds", () => Buffer.alloc(1024 * 1024 + 1)],
    ["another payload under the old signature", (bytes) => withPayload(bytes, payloadOf(bytes).replace("ann@backups", "eve@backups"))],
    ["a manifest", () => bytesAt(vault, FIRST)],
  ])("one that was altered: %s", async (_what, change) => {
    plant(vault, record(4), change(bytesAt(vault, record(4))));
    const found = await findings();
    expect(found[0]).toEqual(["custody/altered", record(4)]);
  });

  test("one that is signed by a key that is not trusted, or not for what it names or tells", async () => {
    const stranger = await makeTestKeys();
    try {
      const payload: unknown = JSON.parse(payloadOf(bytesAt(vault, record(4))));
      const next = {
        ...(typeof payload === "object" ? payload : {}),
        sequence: 5,
        previous: receipt(4).digest,
        subjects: [],
        event: "removed",
      };
      const forgeries = [
        await signedBy(stranger.ring, "audit", next, "custody"),
        await signedBy(vault.keys, "snapshot", next, "custody", { signer: { purpose: "audit" } }),
        await signedBy(vault.keys, "snapshot", next, "custody"),
      ];
      for (const forgery of forgeries) {
        plant(vault, record(5), forgery);
        expect(await findings()).toEqual([["custody/forged", record(5)]]);
      }
      plant(vault, record(5), await signedBy(vault.keys, "audit", next, "custody"));
      expect(await findings()).toEqual([]);
    } finally {
      await stranger.remove();
    }
  });

  test("one that was written anew with a trusted key: the next one, and what it announced, know another", async () => {
    const [, old] = custodyOf(vault);
    if (old === undefined) throw new Error("no record");
    const { signer: _, ...document } = old;
    plant(vault, record(2), (await signAs(vault.keys, "snapshot", "custody", { ...document, actor: "eve@backups" })).bytes);
    expect(await findings()).toEqual([
      ["custody/broken-chain", record(3)],
      ["custody/rewritten", record(2)],
      ["custody/announced-absence", FIRST],
    ]);
  });

  test("an end that was cut off is known by what stands, and by a head that was written down", async () => {
    const [third, fourth] = [receipt(3), receipt(4)];
    remove(record(4));
    expect((await verify()).findings).toMatchObject([
      { code: "custody/truncated", subject: record(4), message: `${COUNTERSIGNATURE} names record 4, but the log ends with record 3` },
    ]);
    remove(COUNTERSIGNATURE);
    expect(await findings()).toEqual([]);
    expect(await findings(third)).toEqual([]);
    expect((await verify(fourth)).findings).toMatchObject([
      { code: "custody/truncated", message: saying("the head that was given names record 4") },
    ]);
  });

  test("an end that was cut off and grew again is another one than the head that was written down", async () => {
    const head = receipt(4);
    remove(record(4));
    remove(COUNTERSIGNATURE);
    vault.clock.advance(1000);
    await verifyDeep(vault, "prod/latest");
    expect(await findings()).toEqual([]);
    expect(await findings(head)).toEqual([["custody/rewritten", record(4)]]);
  });

  test("a log that is gone", async () => {
    for (const sequence of [1, 2, 3, 4]) remove(record(sequence));
    const { findings: found, head } = await verify();
    expect(head).toBeUndefined();
    expect(found.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => "custody/truncated"));
    expect(found[0]?.message).toContain("there is no log");
  });
});

describe("the store", () => {
  test("a snapshot that names no record", async () => {
    await rewrite(vault, "snapshot", SECOND, (manifest) => ({ ...manifest, custody: undefined }));
    expect(await findings()).toEqual(expect.arrayContaining([["custody/unlogged", SECOND]]));
  });

  test("a snapshot that was put there past the log, with a trusted key", async () => {
    const id = "20261121T113000Z";
    const stored = (object: SealedObject): SealedObject => ({ ...object, key: object.key.replace("20261121T110000Z", id) });
    await rewrite(vault, "snapshot", SECOND, (manifest) => ({ ...manifest, id, stored: stored(sealedObject(manifest.stored)) }));
    const planted = bytesAt(vault, SECOND);
    const key = manifestKey(CLUSTER, "20261121T113000Z");
    plant(vault, key, planted);
    expect((await verify()).findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          code: "custody/unlogged",
          subject: key,
          message: saying("it names record 3, which announces something else"),
        }),
      ]),
    );
  });

  test("a snapshot whose data is not that which was announced", async () => {
    await rewrite(vault, "snapshot", SECOND, (manifest) => ({
      ...manifest,
      stored: { ...manifest.stored, sha256: `sha256:${"0".repeat(64)}` },
    }));
    expect((await verify()).findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: "custody/unlogged", subject: SECOND, message: saying("something else than its data") }),
      ]),
    );
  });

  test("a document that is not believed", async () => {
    plant(vault, FIRST, flipped(bytesAt(vault, FIRST), 1500));
    expect(await findings()).toEqual(expect.arrayContaining([["custody/unbelieved", FIRST]]));
  });

  test("a snapshot that is gone, seen since by the next backup or by a verification", async () => {
    remove(FIRST);
    expect((await verify()).findings).toMatchObject([
      {
        code: "custody/gone",
        subject: FIRST,
        message: saying("record 2 announced it, a later one saw it as sha256:"),
        fix: saying("find out who can delete"),
      },
    ]);
    remove(SECOND);
    expect(await findings()).toEqual([
      ["custody/gone", FIRST],
      ["custody/gone", SECOND],
    ]);
  });

  test("a snapshot that is gone, and another in its place", async () => {
    const other = newVault(keys);
    await backUp(other, { slot: "2026-11-21T10:00:00Z" });
    plant(vault, FIRST, bytesAt(other, FIRST));
    expect((await verify()).findings).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: "custody/gone", subject: FIRST, message: saying("stands in its place") })]),
    );
  });

  test("a snapshot that is gone stays so where the writer's key says that it never came", async () => {
    remove(FIRST);
    await appendRecord(vault, CLUSTER, "snapshot", { event: "failed", subjects: [{ key: FIRST }], details: { of: 2 } });
    expect(await findings()).toEqual([["custody/gone", FIRST]]);
  });

  test("a snapshot that is gone with a record of its removal", async () => {
    const subjects = [{ key: FIRST, digest: digestOf(bytesAt(vault, FIRST)) }];
    await appendRecord(vault, CLUSTER, "audit", { event: "removed", subjects, details: { reason: "retention" } });
    remove(FIRST);
    expect(await findings()).toEqual([]);
  });

  test("data that is gone", async () => {
    remove(data);
    expect((await verify()).findings).toMatchObject([
      { code: "custody/gone", subject: data, message: saying(`${SECOND} names it as its data`) },
    ]);
  });

  test("a countersignature that is gone before anybody had seen it, and a lineage", async () => {
    remove(COUNTERSIGNATURE);
    remove(lineageKey(CLUSTER, 1));
    expect(await findings()).toEqual([
      ["custody/announced-absence", lineageKey(CLUSTER, 1)],
      ["custody/announced-absence", COUNTERSIGNATURE],
    ]);
  });

  test("an announcement whose run was killed, until its data is swept", async () => {
    const key = manifestKey(CLUSTER, "20261121T120000Z");
    const put = vault.blobs.put.bind(vault.blobs);
    // As a kill -9 leaves it: neither the manifest nor a last word is written.
    vault.blobs.put = async (at, ...rest) => {
      if (at === key || at === record(6)) throw new Error("killed");
      return put(at, ...rest);
    };
    await failureOf(backUp(vault));
    vault.blobs.put = put;
    expect((await verify()).findings).toMatchObject([
      {
        code: "custody/announced-absence",
        subject: key,
        message: saying("record 5 announced it, but it is not there"),
        fix: saying("lifeboat orphans --sweep"),
      },
    ]);
    vault.clock.advance(3_600_000);
    await backUp(vault);
    expect(await findings()).toEqual([["custody/announced-absence", key]]);
    const { orphans } = await findOrphans(vault, { olderThanMs: 0 });
    await sweepOrphans(vault, orphans, UNHEARD);
    expect(orphans).toHaveLength(1);
    const announced = custodyOf(vault)
      .find(({ sequence }) => sequence === 5)
      ?.subjects.find(({ digest }) => digest !== undefined);
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "removed",
      subjects: [{ key: saying("/data/20261121T120000Z-"), digest: announced?.digest, bytes: orphans[0]?.bytes }],
      details: { reason: "no manifest names it" },
      signer: { purpose: "audit" },
    });
    expect(await findings()).toEqual([]);
  });

  test("an announcement of a run that comes while the log is read is not reported", async () => {
    const late = manifestKey(CLUSTER, "20261121T120000Z");
    const list = vault.blobs.list.bind(vault.blobs);
    let hidden = true;
    await backUp(vault);
    vault.blobs.list = async function* (prefix) {
      for await (const info of list(prefix)) if (!hidden || info.key !== late) yield info;
      if (prefix.endsWith("/custody/")) hidden = false;
    };
    expect(await findings()).toEqual([]);
    expect(hidden).toBe(false);
  });
});

describe("jobs tell the log", () => {
  test("a failed backup, with its code and what it explains", async () => {
    vault.blobs.inject({ call: "put", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(backUp(vault, { slot: "2026-11-21T12:00:00Z" }))).toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault).slice(4)).toMatchObject([
      { event: "backup" },
      {
        event: "failed",
        subjects: [{ key: manifestKey(CLUSTER, "20261121T120000Z") }],
        details: { code: "store/failed", reason: saying("injected"), of: 5 },
      },
    ]);
    expect(await findings()).toEqual([]);
  });

  test("a slot that is there is skipped, and the receipt is that of the skipping", async () => {
    const { existing, custody, manifest } = await backUp(vault, { slot: "2026-11-21T10:00:00Z" });
    expect(existing).toBe(true);
    expect(manifest.custody).toEqual(receipt(2));
    expect(custody).toEqual(receipt(5));
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "skipped",
      subjects: [{ key: FIRST, digest: digestOf(bytesAt(vault, FIRST)) }],
      details: { reason: "the slot was backed up before" },
    });
  });

  test("a slot that another run committed meanwhile explains what this one announced", async () => {
    const winner = newVault(keys);
    await backUp(winner, { slot: "2026-11-21T09:00:00Z" });
    const key = manifestKey(CLUSTER, "20261121T090000Z");
    const member = oneMember();
    const snapshotOf = member.snapshot.bind(member);
    member.snapshot = async function* (...args) {
      yield* snapshotOf(...args);
      plant(vault, key, bytesAt(winner, key));
    };
    expect(await backUp(vault, { slot: "2026-11-21T09:00:00Z", etcd: member })).toMatchObject({ existing: true });
    expect(custodyOf(vault).slice(4)).toMatchObject([
      { event: "backup" },
      { event: "skipped", details: { of: 5, reason: "another run committed the slot first" } },
    ]);
  });

  test("a backup whose failure cannot be told fails with its own error", async () => {
    vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "error" }, times: 2 });
    expect(await failureOf(backUp(vault))).toMatchObject({
      code: "store/failed",
      message: saying("put of clusters/prod/custody/0000000/0000000005.json"),
    });
    expect(vault.progress.warnings).toEqual([saying("cannot record in the custody log that the run failed")]);
    expect(custodyOf(vault)).toHaveLength(4);
  });

  test("a verification that finds something else than was signed, and not one that could not read", async () => {
    plant(vault, data, flipped(bytesAt(vault, data), 900));
    expect(await failureOf(verifyDeep(vault, "prod/latest"))).toMatchObject({ code: "verify/checksum" });
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "failed",
      subjects: [{ key: SECOND }],
      details: { code: "verify/checksum" },
      signer: { purpose: "audit" },
    });
    vault.blobs.inject({ call: "checksum", key: /data/, fault: { kind: "error" } });
    expect(await failureOf(verifyDeep(vault, "prod/latest"))).toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault)).toHaveLength(5);
  });

  test("a sweep that cannot tell removes nothing", async () => {
    remove(SECOND);
    vault.clock.advance(1000);
    const { orphans } = await findOrphans(vault, { olderThanMs: 0 });
    vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "error" } });
    expect(await failureOf(sweepOrphans(vault, orphans, UNHEARD))).toMatchObject({ code: "store/failed" });
    const distrusting = { ...vault, trusted: { ...vault.trusted, audit: [] } };
    expect(await failureOf(sweepOrphans(distrusting, orphans, UNHEARD))).toMatchObject({ code: "config/invalid" });
    expect(vault.blobs.objects.has(data)).toBe(true);
  });
});
