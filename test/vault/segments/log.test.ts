import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { known } from "../../../shared/audit/facts.ts";
import { loggedSchema } from "../../../shared/documents/catalog.ts";
import { catalogPrefix, custodyKey } from "../../../shared/documents/layout.ts";
import { openDocument } from "../../../shared/documents/signed-document.ts";
import { endOfLog, wholeLog } from "../../../shared/jobs/audit/facts/custody.ts";
import { readDocuments } from "../../../shared/jobs/audit/facts/documents.ts";
import type { LogFacts } from "../../../shared/jobs/audit/facts/custody.ts";
import { catalogue } from "../../../shared/jobs/catalog.ts";
import { listSnapshots } from "../../../shared/jobs/list.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { Custodian } from "../../../shared/vault/custody/custodian.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { signedBy } from "../../support/envelopes.ts";
import { saying } from "../../support/matchers.ts";
import { flipped } from "../../support/snapshots.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, oneMember, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

/** What segments tell of the custody log, and what an audit makes of it where somebody changed the log, or the segment. */

const HOUR_MS = 3_600_000;
/** Records of the log when the segment was made: the lineage, and two of each of five snapshots. */
const TOLD = 11;

let keys: TestKeys;
let strangers: TestKeys;
let made: TestVault;
beforeAll(async () => {
  [keys, strangers] = [await makeTestKeys(), await makeTestKeys()];
  made = newVault(keys);
  await grow(made, 5);
  await catalogue(made, CLUSTER);
  await grow(made, 1);
});
afterAll(async () => {
  await keys.remove();
  await strangers.remove();
});

async function grow(vault: TestVault, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const { manifest } = await backUp(vault, { etcd: oneMember(10) });
    await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
    vault.clock.advance(HOUR_MS);
  }
}

/** The same store once more, for one test to tamper with. */
function copy(): TestVault {
  const vault = newVault(keys, made.clock.now().toISOString());
  for (const [key, kept] of made.blobs.objects) vault.blobs.objects.set(key, kept);
  return vault;
}

const keyOf = (sequence: number): string => custodyKey(CLUSTER, sequence);
const newestKey = async ({ blobs }: TestVault): Promise<string> => (await keysIn(blobs, catalogPrefix(CLUSTER))).at(-1) ?? "";
const newest = async (vault: TestVault) => {
  const key = await newestKey(vault);
  const segment = openDocument("catalog", bytesAt(vault, key), vault.trusted, key);
  return { ...segment, log: (segment.log ?? []).map((entry) => loggedSchema.parse(entry)) };
};

/** What an audit knows of the log, and how many records it read for that. */
async function endOf(vault: TestVault, days = 7): Promise<LogFacts & { readonly reads: number }> {
  const { log: said } = await listSnapshots(vault, CLUSTER, { wantsLog: true });
  const before = vault.blobs.calls.get;
  const since = new Date(vault.clock.now().getTime() - days * 24 * HOUR_MS);
  return { ...(await endOfLog(vault, CLUSTER, { since, isNeeded: true, witnesses: [], said })), reads: vault.blobs.calls.get - before };
}

async function codesIn(vault: TestVault): Promise<readonly string[]> {
  return (await endOf(vault)).custody.findings.map(({ code, subject }) => `${code} ${subject}`);
}

/** The same by all that an audit reads. */
async function toldIn(vault: TestVault): Promise<readonly string[]> {
  const listing = known(await listSnapshots(vault, CLUSTER, { wantsLog: true }));
  const options = { depth: "tail", historyMs: 7 * 24 * HOUR_MS, comparesChecksum: false, now: vault.clock.now().getTime() } as const;
  const { custody } = await readDocuments(vault, CLUSTER, listing, options);
  return custody.known ? custody.value.findings.map(({ code, subject }) => `${code} ${subject}`) : ["unknown"];
}

async function fullOf(vault: TestVault): Promise<LogFacts> {
  return wholeLog(vault, CLUSTER, (await listSnapshots(vault, CLUSTER, { full: true, wantsLog: true })).log);
}

/** Puts other bytes where an object stands, with its time and size: what no listing shows. */
function replaceUnseen(vault: TestVault, key: string, change: (bytes: Buffer) => Buffer): void {
  const { modified = vault.clock.now() } = vault.blobs.objects.get(key) ?? {};
  vault.blobs.objects.set(key, { bytes: change(bytesAt(vault, key)), modified });
}

describe("a segment", () => {
  test("tells of each record that was there, with the digest of the one before where the list does not have that", async () => {
    const { log } = await newest(made);
    const records = custodyOf(made).slice(0, TOLD);
    expect(log.map(({ sequence, event, time }) => ({ sequence, event, time }))).toEqual(
      records.map(({ sequence, event, time }) => ({ sequence, event, time })),
    );
    expect(log.map(({ digest }) => digest).slice(0, -1)).toEqual(records.slice(1).map(({ previous }) => previous));
    expect(log.filter(({ previous }) => previous !== undefined)).toEqual([]);
    expect(log.at(-1)).toMatchObject({ ids: [expect.stringMatching(/^2026/)], bytes: bytesAt(made, keyOf(TOLD)).length });
  });

  test("of later takes over what it tells, and no more than eight days of it", async () => {
    const vault = copy();
    vault.clock.advance(8 * 24 * HOUR_MS - 4 * HOUR_MS);
    await grow(vault, 2);
    await catalogue(vault, CLUSTER);
    const [{ log, others }, records] = [await newest(vault), custodyOf(vault)];
    expect(others).toEqual([]);
    // The oldest that is young enough has nothing before it that says so, and names that itself.
    expect(log[0]?.sequence).toBeGreaterThan(1);
    expect(log[0]?.previous).toBe(records.find(({ sequence }) => sequence === log[0]?.sequence)?.previous);
    expect(log.at(-1)?.sequence).toBe(records.length - 1);
    expect(log).toHaveLength(records.length - (log[0]?.sequence ?? 0));
  });

  test("leaves out a record that is not believed or breaks the chain, one by the desk's key, and a rehearsal", async () => {
    const vault = copy();
    plant(vault, keyOf(3), flipped(bytesAt(vault, keyOf(3)), 200));
    const custodian = (purpose: "audit" | "bundle"): Custodian => new Custodian(vault, CLUSTER, purpose);
    await custodian("bundle").announce("bundle", []);
    await custodian("audit").announce("rehearsed", []);
    await grow(vault, 2);
    await catalogue(vault, CLUSTER);
    const told = new Set((await newest(vault)).log.map(({ sequence }) => sequence));
    // 4 names other bytes than those that stand in the place of 3 now.
    expect(
      custodyOf({ ...vault, blobs: made.blobs })
        .map(({ sequence }) => sequence)
        .filter((each) => !told.has(each)),
    ).toEqual([3, 4]);
    expect([15, 16].map((sequence) => told.has(sequence))).toEqual([false, false]);
    expect(told.has(17)).toBe(true);
  });
});

describe("an audit", () => {
  test("reads what came after the segment, and knows what it would know by reading all", async () => {
    const { reads, ...quick } = await endOf(made);
    expect(reads).toBe(custodyOf(made).length - TOLD);
    const { custody, ...read } = await endOfLog(made, CLUSTER, {
      since: new Date(0),
      isNeeded: true,
      witnesses: [],
      said: { log: new Map(), witness: undefined },
    });
    expect(quick).toEqual({ ...read, custody, history: { ...read.history, since: quick.history.since } });
    expect(custody).toMatchObject({ records: custodyOf(made).length, findings: [] });
    expect((await fullOf(made)).differences).toEqual([]);
  });

  test("of a segment by a version that told nothing of the log reads all", async () => {
    const vault = copy();
    const { log: _, ...older } = await newest(vault);
    plant(vault, await newestKey(vault), await signedBy(keys.ring, "audit", older, "catalog"));
    expect(await endOf(vault)).toMatchObject({ reads: custodyOf(vault).length, custody: { findings: [] } });
  });

  test("finds a record that is gone, and one that was changed", async () => {
    const [gone, changed] = [copy(), copy()];
    gone.blobs.objects.delete(keyOf(4));
    expect(await codesIn(gone)).toEqual([`custody/missing ${keyOf(4)}`]);
    changed.clock.advance(1000);
    plant(changed, keyOf(4), flipped(bytesAt(changed, keyOf(4)), 200));
    expect(await codesIn(changed)).toEqual([expect.stringMatching(/^custody\/altered/)]);
  });

  test("finds another record that a stolen key wrote in the place of one", async () => {
    const vault = copy();
    const record = custodyOf(vault)[3];
    vault.clock.advance(1000);
    plant(vault, keyOf(4), await signedBy(keys.ring, "snapshot", { ...record, actor: "mallory@host" }, "custody"));
    expect(await codesIn(vault)).toEqual([`custody/broken-chain ${keyOf(5)}`]);
  });

  test("finds that the end was cut off, as far as the segment was recorded", async () => {
    const vault = copy();
    for (let { length } = custodyOf(vault); length > TOLD; length--) vault.blobs.objects.delete(keyOf(length));
    expect(await codesIn(vault)).toEqual([`custody/truncated ${keyOf(TOLD + 1)}`]);
    const quiet = copy();
    quiet.clock.advance(30 * 24 * HOUR_MS);
    expect(await codesIn(quiet)).toEqual([]);
    for (let { length } = custodyOf(quiet); length > TOLD; length--) quiet.blobs.objects.delete(keyOf(length));
    expect(await codesIn(quiet)).toEqual([`custody/truncated ${keyOf(TOLD + 1)}`]);
  });

  test("finds that the end was cut off behind the segment, as far as the newest good snapshot tells; not of a copy", async () => {
    const vault = copy();
    expect(custodyOf(vault)).toHaveLength(TOLD + 3);
    vault.blobs.objects.delete(keyOf(TOLD + 3));
    expect(await toldIn(vault)).toEqual([`custody/truncated ${keyOf(TOLD + 3)}`]);
    vault.blobs.objects.delete(keyOf(TOLD + 2));
    expect(await toldIn(vault)).toEqual([`custody/truncated ${keyOf(TOLD + 2)}`]);
    plant(vault, custodyKey(CLUSTER, 1, "primary-custody"), bytesAt(vault, keyOf(1)));
    expect(await toldIn(vault)).toEqual([]);
  });

  test("does not see another record of the same size and time; one with --full does", async () => {
    const vault = copy();
    replaceUnseen(vault, keyOf(4), (bytes) => flipped(bytes, 200));
    expect(await codesIn(vault)).toEqual([]);
    const { custody, differences } = await fullOf(vault);
    expect(custody.findings.map(({ code }) => code)).toContain("custody/altered");
    expect(differences).toEqual([{ subject: keyOf(4), message: saying("the catalog says otherwise of this record") }]);
  });

  test("believes no history of a stranger's segment, nor of a key that is trusted no more", async () => {
    const [planted, distrusted] = [copy(), copy()];
    const { log, ...rest } = await newest(planted);
    const forged = { ...rest, log: log.map((each) => ({ ...each, event: "failed" })) };
    plant(planted, await newestKey(planted), await signedBy(strangers.ring, "audit", forged, "catalog"));
    expect(await endOf(planted)).toMatchObject({ reads: custodyOf(planted).length, history: (await endOf(made)).history });
    const trusted = { ...keys.trusted, snapshot: strangers.trusted.snapshot };
    expect(await codesIn({ ...distrusted, trusted })).toContain(`custody/forged ${keyOf(2)}`);
  });

  test("is told a forged history by whoever has the audit key; one with --full says so", async () => {
    const vault = copy();
    const { log, ...rest } = await newest(vault);
    const forged = { ...rest, log: log.map((each) => (each.sequence === 5 ? { ...each, event: "failed", reason: "no reason" } : each)) };
    replaceUnseen(vault, await newestKey(vault), () => Buffer.from([]));
    plant(vault, await newestKey(vault), await signedBy(keys.ring, "audit", forged, "catalog"));
    expect((await endOf(vault)).history.events[4]).toMatchObject({ event: "failed", reason: "no reason" });
    const { differences, history } = await fullOf(vault);
    expect(differences).toEqual([{ subject: keyOf(5), message: saying("the catalog says otherwise") }]);
    expect(history.events[4]).toMatchObject({ event: custodyOf(vault)[4]?.event });
  });

  test("reads what an entry that is none would tell", async () => {
    const vault = copy();
    const { log, ...rest } = await newest(vault);
    const broken = { ...rest, log: log.map((each) => (each.sequence === 5 ? { ...each, time: "yesterday" } : each)) };
    plant(vault, await newestKey(vault), await signedBy(keys.ring, "audit", broken, "catalog"));
    // 6 has no digest before it then.
    expect(await endOf(vault)).toMatchObject({ reads: custodyOf(vault).length - TOLD + 2, custody: { findings: [] } });
    expect((await listSnapshots(vault, CLUSTER)).badSegments).toEqual([]);
  });

  test("reads what a forged segment moves to other places", async () => {
    const vault = copy();
    const { log, ...rest } = await newest(vault);
    // Each entry one number further: nothing of such a size and time is listed there.
    const forged = {
      ...rest,
      log: log.slice(1).map((each, index) => ({ ...each, sequence: each.sequence + 1, previous: log[index]?.digest })),
    };
    plant(vault, await newestKey(vault), await signedBy(keys.ring, "audit", forged, "catalog"));
    expect(await endOf(vault)).toMatchObject({ reads: custodyOf(vault).length, custody: { findings: [] } });
  });
});
