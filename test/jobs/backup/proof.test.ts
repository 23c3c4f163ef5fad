import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { RecordedProgress } from "../../doubles/recorded-progress.ts";
import { HEALTHY, endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { HashKvAnswer, ScriptedMember } from "../../doubles/scripted-etcd.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { asSent, hashKvOf, randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { apartFromCustody, backUp, contentOf, visible } from "../../support/vaults.ts";

/** What a backup does with what the members say of its content. m1 is the leader; m3 is asked for the snapshot first, then m2, then m1. */

const { vault } = useVault();

const good = randomSnapshot(1000);
const other = randomSnapshot(1000);
const [AGREES, DIFFERS] = [hashKvOf(good), hashKvOf(other)];
const gives = (bytes: Uint8Array): Pick<ScriptedMember, "snapshots"> => ({ snapshots: [[{ send: bytes }]] });
const says = (...hashes: HashKvAnswer[]): Pick<ScriptedMember, "hashes"> => ({ hashes });
const DOWN = new LifeboatError("etcd/unreachable", "the way is cut");
const COMPACTED = new LifeboatError("etcd/compacted", "revision 50 has been compacted");
const FUTURE = new LifeboatError("etcd/future-revision", "it has not reached that revision yet");

interface Said {
  /** What m1, m2 and m3 do; a third member gives `good` where nothing else is said. */
  readonly m1?: Partial<ScriptedMember>;
  readonly m2?: Partial<ScriptedMember>;
  readonly m3?: Partial<ScriptedMember>;
}

function cluster({ m1, m2, m3 }: Said = {}): ScriptedEtcd {
  return new ScriptedEtcd([
    { number: 1, ...m1 },
    { number: 2, status: { raftAppliedIndex: 90 }, ...m2 },
    { number: 3, ...gives(good), ...m3 },
  ]);
}

const hashed = (etcd: ScriptedEtcd): readonly string[] => etcd.asked.filter((call) => call.startsWith("hashKv "));
const question = (number: number, revision: number | string = 50): string => `hashKv ${endpointOf(number)} ${revision}`;
const member = (number: number, answer: object): object => ({ id: `a${number}`, name: `m${number}`, ...answer });

describe("proven", () => {
  test("where a quorum agrees: the source first, another follower, and no word to the leader", async () => {
    const etcd = cluster();
    const { manifest } = await backUp(vault, { etcd });
    expect(hashed(etcd)).toEqual([question(3), question(2)]);
    const vote = { answer: "agrees", ...AGREES };
    expect(manifest.proof).toEqual({
      status: "proven",
      revision: 50,
      agreement: "quorum",
      voters: 3,
      needed: 2,
      members: [member(3, vote), member(2, vote)],
    });
    expect(manifest.content).toMatchObject({ tree: "whole", revision: 50, keys: { revisions: 1, live: 1 }, hashKv: AGREES });
    expect(vault.progress.warnings).toEqual([]);
    expect(manifest).not.toHaveProperty("quarantine");
  });

  test("where the leader must be asked as well, since a follower cannot say", async () => {
    const etcd = cluster({ m2: says(DOWN) });
    const { manifest } = await backUp(vault, { etcd });
    expect(hashed(etcd)).toEqual([question(3), question(2), question(1)]);
    expect(manifest.proof).toMatchObject({
      status: "proven",
      members: [{ id: "a3" }, member(2, { answer: "unavailable", reason: "the way is cut" }), { id: "a1", answer: "agrees" }],
    });
  });

  test("against a dissenter, who is named", async () => {
    const { manifest, furtherCopies } = await backUp(vault, { etcd: cluster({ m2: says(DIFFERS) }) });
    expect(manifest.proof).toMatchObject({
      status: "proven",
      members: [{ id: "a3" }, { id: "a2", answer: "dissents", hash: DIFFERS.hash }, { id: "a1" }],
    });
    expect(vault.progress.warnings).toEqual([saying("m2 dissents: what it holds differs from what a quorum agrees on")]);
    expect(manifest.quarantine).toBeUndefined();
    expect(furtherCopies).toEqual([]);
  });

  test("by a member that lags and comes to the revision", async () => {
    const etcd = cluster({ m2: says(FUTURE, FUTURE, AGREES) });
    const done = backUp(vault, { etcd });
    for (let turn = 0; turn < 2; turn += 1) {
      await expect.poll(() => vault.clock.waiting, { timeout: 10_000, interval: 1 }).toBe(1);
      vault.clock.advance(200);
    }
    expect((await done).manifest.proof.status).toBe("proven");
    expect(hashed(etcd)).toEqual([question(3), question(2), question(2), question(2)]);
  });

  test("by one where one is enough, and by all where all must", async () => {
    const one = cluster();
    expect((await backUp(vault, { etcd: one, agreement: "one" })).manifest.proof).toMatchObject({ status: "proven", needed: 1 });
    expect(hashed(one)).toEqual([question(3)]);
    const all = cluster();
    expect((await backUp(vault, { etcd: all, agreement: "all" })).manifest.proof).toMatchObject({ status: "proven", needed: 3 });
    expect(hashed(all)).toEqual([question(3), question(2), question(1)]);
  });
});

describe("unproven, with the reason, and kept as it is", () => {
  test("where agreement is off: nobody is asked", async () => {
    const etcd = cluster();
    const { manifest } = await backUp(vault, { etcd, agreement: "off" });
    expect(manifest.proof).toEqual({
      status: "unproven",
      reason: "agreement is off for this cluster",
      agreement: "off",
      voters: 3,
      needed: 0,
      members: [],
    });
    expect(hashed(etcd)).toEqual([]);
    expect(manifest.quarantine).toBeUndefined();
  });

  test("where too few can say", async () => {
    const { manifest } = await backUp(vault, { etcd: cluster({ m2: says(DOWN), m1: says(COMPACTED) }) });
    expect(manifest.proof).toMatchObject({
      status: "unproven",
      reason: "1 of 3 voting members confirmed it, and 2 are needed; m2: the way is cut; m1: revision 50 has been compacted",
    });
    expect(manifest.quarantine).toBeUndefined();
  });

  test("where members are out of reach", async () => {
    const etcd = new ScriptedEtcd([
      { number: 1, status: DOWN },
      { number: 2, status: DOWN },
      { number: 3, ...gives(good) },
    ]);
    expect((await backUp(vault, { etcd })).manifest.proof).toMatchObject({
      status: "unproven",
      members: [
        { id: "a3", answer: "agrees" },
        { id: "a1", answer: "unavailable" },
        member(2, { answer: "unavailable", reason: saying("no configured endpoint") }),
      ],
    });
  });

  test("where an endpoint leads to another member than before, which must not count twice", async () => {
    const { manifest } = await backUp(vault, { etcd: cluster({ m2: says({ ...AGREES, memberId: "a3" }), m1: says(DOWN) }) });
    expect(manifest.proof).toMatchObject({ status: "unproven", reason: saying("m2: its endpoint https://m2:2379 now leads to member a3") });
  });

  test("where a member lags for longer than is waited", async () => {
    const done = backUp(vault, { etcd: cluster({ m2: says({ ...AGREES, compactRevision: -2 }), m1: says(DOWN) }) });
    for (let waitedMs = 0; waitedMs <= 9_800; waitedMs += 200) {
      await expect.poll(() => vault.clock.waiting, { timeout: 10_000, interval: 1 }).toBe(1);
      vault.clock.advance(200);
    }
    expect((await done).manifest.proof).toMatchObject({ status: "unproven", reason: saying("m2: it has not compacted to revision") });
  });
});

describe("the next member is asked for its snapshot", () => {
  test("where the first one's differs from what that member itself holds", async () => {
    const etcd = cluster({ m3: { ...gives(other), ...says(AGREES) }, m2: gives(good) });
    const { manifest } = await backUp(vault, { etcd });
    expect(etcd.streamed).toEqual([endpointOf(3), endpointOf(2)]);
    expect(manifest.etcd.source.memberId).toBe("a2");
    expect(manifest.proof).toMatchObject({
      status: "proven",
      members: [
        { id: "a2", answer: "agrees" },
        { id: "a3", answer: "agrees" },
      ],
    });
    expect((await contentOf(vault, manifest.id)).equals(good)).toBe(true);
    expect(vault.progress.warnings).toEqual([saying("m3: m3 itself has another HashKV at revision 50 than what it sent")]);
    // Nothing is left of what was dropped.
    expect(apartFromCustody(vault)).toHaveLength(3);
  });

  test("where the first one's page tree is broken", async () => {
    const etcd = cluster({ m3: gives(asSent(Buffer.alloc(8192))), m2: gives(good), m1: says(AGREES) });
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest.proof).toMatchObject({ status: "proven", members: [{ id: "a2" }, { id: "a3" }] });
    expect(vault.progress.warnings).toEqual([saying("m3: the page tree of what it sent is broken (tree/meta)")]);
    expect(apartFromCustody(vault)).toHaveLength(3);
  });

  test("where a quorum agrees on something else: a dissenter is never the source of a proven snapshot", async () => {
    const etcd = cluster({ m3: { ...gives(other), ...says(DIFFERS) }, m2: { ...gives(good), ...says(AGREES) }, m1: says(AGREES) });
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest.etcd.source.memberId).toBe("a2");
    expect((await contentOf(vault, manifest.id)).equals(good)).toBe(true);
    expect(manifest.proof).toMatchObject({
      status: "proven",
      members: [
        { id: "a2", answer: "agrees" },
        { id: "a3", answer: "dissents" },
        { id: "a1", answer: "agrees" },
      ],
    });
    expect(vault.progress.warnings).toEqual([
      saying("m3: m2 and m1 have another HashKV at revision 50"),
      saying("m3 dissents: what it holds differs"),
    ]);
    expect(apartFromCustody(vault)).toHaveLength(3);
  });
});

describe("quarantined", () => {
  test("with a copy of each, where members contradict each other and none has a quorum", async () => {
    const [first, second, third] = [good, other, randomSnapshot(500)];
    const etcd = cluster({
      m3: { ...gives(first), ...says(hashKvOf(first)) },
      m2: { ...gives(second), ...says(hashKvOf(second)) },
      m1: { ...gives(third), ...says(hashKvOf(third)) },
    });
    const { manifest, furtherCopies } = await backUp(vault, { etcd, slot: "2026-11-21T09:00:00Z" });
    const reason = "m2 and m1 have another HashKV at revision 50 than the snapshot, with which m3 agrees";
    expect(manifest).toMatchObject({ id: "20261121T090000Z", quarantine: { reasons: [reason] }, proof: { status: "unproven", reason } });
    expect(furtherCopies.map((each) => each.manifest.id)).toEqual(["20261121T090000Z-2", "20261121T090000Z-3"]);
    for (const copy of furtherCopies)
      expect(copy.manifest).toMatchObject({ quarantine: { reasons: [reason] }, content: { tree: "whole" } });
    expect((await contentOf(vault, "20261121T090000Z")).equals(first)).toBe(true);
    expect(vault.progress.warnings).toContain(reason);
  });

  test("with a copy of the others that still give one", async () => {
    const etcd = cluster({
      m2: { snapshots: [[{ fail: DOWN }]], ...says(DIFFERS) },
      m1: { ...gives(good), ...says(hashKvOf(randomSnapshot(9))) },
    });
    const { furtherCopies } = await backUp(vault, { etcd });
    expect(furtherCopies.map((each) => each.manifest.etcd.source.memberId)).toEqual(["a1"]);
  });

  test("where all must agree and one does not", async () => {
    const { manifest, furtherCopies } = await backUp(vault, {
      etcd: cluster({ m2: { ...gives(other), ...says(DIFFERS) }, m1: gives(good) }),
      agreement: "all",
    });
    expect(manifest).toMatchObject({ quarantine: {}, proof: { status: "unproven" } });
    expect(furtherCopies).toHaveLength(2);
  });

  test("where no member has a whole page tree: the first is kept, and only that", async () => {
    const broken = asSent(Buffer.alloc(8192));
    const etcd = cluster({ m3: gives(broken), m2: gives(broken), m1: { snapshots: [[{ fail: DOWN }]] } });
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest).toMatchObject({
      etcd: { source: { memberId: "a3" } },
      content: { tree: "tree/meta", message: saying("") },
      proof: {
        status: "unproven",
        members: [
          { id: "a3", answer: "broken" },
          { id: "a2", answer: "broken" },
        ],
      },
      quarantine: { reasons: [saying("m3: the page tree"), saying("m2: the page tree")] },
    });
    expect(apartFromCustody(vault)).toHaveLength(3);
    expect((await contentOf(vault, manifest.id)).equals(broken)).toBe(true);
  });
});

describe("a transfer so long that its revision may be compacted meanwhile", () => {
  const long = { databaseBytes: 3 * 1024 ** 3, raftAppliedIndex: 200 };
  const then = hashKvOf(good);

  test("is asked about before, too, and proven by that where only that can be compared", async () => {
    const lost: HashKvAnswer[] = [then, COMPACTED];
    const etcd = cluster({ m3: { status: long, ...says(...lost) }, m2: says(...lost), m1: says(COMPACTED) });
    const { manifest } = await backUp(vault, { etcd });
    expect(hashed(etcd)).toEqual([question(3), question(2), question(3), question(2), question(1)]);
    expect(manifest.proof).toMatchObject({ status: "proven", revision: HEALTHY.revision, members: [{ id: "a3" }, { id: "a2" }] });
  });

  test("is not asked about before where agreement is off", async () => {
    const etcd = cluster({ m3: { status: long } });
    await backUp(vault, { etcd, agreement: "off" });
    expect(hashed(etcd)).toEqual([]);
  });

  test("and contradicted by what was said before is not proven", async () => {
    const etcd = cluster({
      m3: { status: long, ...says(then, COMPACTED) },
      m2: { ...gives(good), ...says(DIFFERS, COMPACTED) },
      m1: { ...gives(good), ...says(DOWN) },
    });
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest).toMatchObject({ quarantine: { reasons: [saying("m2 has another HashKV at revision 50")] } });
  });
});

test("a signal while a member lags ends the backup, and nothing is left", async () => {
  const stop = new AbortController();
  const failure = failureOf(backUp(vault, { etcd: cluster({ m2: says(FUTURE) }), signal: stop.signal }));
  await expect.poll(() => vault.clock.waiting, { timeout: 10_000, interval: 1 }).toBe(1);
  stop.abort();
  expect(await failure).toMatchObject({ code: "interrupted" });
  expect(apartFromCustody(vault)).toEqual([]);
  expect(vault.clock.waiting).toBe(0);
});

test("a store that fails while a rejected snapshot is still pending leaves nothing of both", async () => {
  const full = new LifeboatError("store/full", "no space left");
  const progress = new RecordedProgress(() => {
    if (progress.warnings.length === 1 && vault.blobs.pendingFaults.length === 0)
      vault.blobs.inject({ call: "put", key: /data/, fault: { kind: "error", error: full } });
  });
  const etcd = cluster({ m3: gives(asSent(Buffer.alloc(8192))), m2: gives(good) });
  await expect(backUp({ ...vault, progress }, { etcd })).rejects.toBe(full);
  expect(progress.warnings).toEqual([saying("m3: the page tree")]);
  expect(await visible(vault)).toEqual([]);
  expect(apartFromCustody(vault)).toEqual([]);
});
