import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { ScriptedMember, SnapshotStep } from "../../doubles/scripted-etcd.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { anyText, saying } from "../../support/matchers.ts";
import { flipped, randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { apartFromCustody, backUp, contentOf, oneMember, sealedObject } from "../../support/vaults.ts";

const SLOT = "2026-11-21T10:00:00Z";
const ID = "20261121T100000Z";

const { keys, vault } = useVault();

const whole = (bytes: Uint8Array): readonly SnapshotStep[] => [{ send: bytes.subarray(0, 700) }, { send: bytes.subarray(700) }];
const lost = (number: number): LifeboatError =>
  new LifeboatError("etcd/stream", `${endpointOf(number)} closed the stream`, { hint: "look at its log" });

describe("the next member takes over", () => {
  const bytes = randomSnapshot(3000);
  const second: ScriptedMember = { number: 2, status: { raftAppliedIndex: 90 }, snapshots: [whole(bytes)] };
  test.each<[string, readonly SnapshotStep[]]>([
    ["fails at the start", [{ fail: lost(3) }]],
    ["fails in mid-stream", [{ send: randomBytes(5_000_000) }, { fail: lost(3) }]],
    ["fails after the last byte", [{ send: bytes }, { fail: lost(3) }]],
    [
      "denies the snapshot after all",
      [{ fail: new LifeboatError("etcd/denied", `${endpointOf(3)} closed the stream: permission denied`) }],
    ],
    ["stalls", [{ send: bytes.subarray(0, 9) }, { fail: new LifeboatError("etcd/stalled", `${endpointOf(3)} closed the stream: idle`) }]],
  ])("where one %s", async (_how, steps) => {
    const etcd = new ScriptedEtcd([{ number: 1 }, second, { number: 3, snapshots: [steps] }]);
    const { manifest } = await backUp(vault, { slot: SLOT, etcd });
    expect(manifest.etcd.source).toMatchObject({ memberId: "a2", name: "m2" });
    expect(etcd.streamed).toEqual([endpointOf(3), endpointOf(2)]);
    expect(vault.progress.warnings).toEqual([saying(`${endpointOf(3)} closed the stream`)]);
    expect((await contentOf(vault, ID)).equals(bytes)).toBe(true);
    expect(await keysIn(vault.blobs, "clusters/prod/data/")).toEqual([sealedObject(manifest.stored).key]);
  });

  test.each<[string, Uint8Array]>([
    ["has a flipped bit", flipped(bytes, 1500)],
    ["has a flipped bit in its trailer", flipped(bytes, -1)],
    ["is cut", bytes.subarray(0, -1)],
    ["lacks its trailer", bytes.subarray(0, -32)],
    ["is longer", Buffer.concat([bytes, Buffer.from([0])])],
    ["is too short for a trailer", bytes.subarray(0, 31)],
    ["is empty", Buffer.alloc(0)],
  ])("where a stream %s, and so does not match its trailer", async (_how, sent) => {
    const etcd = new ScriptedEtcd([{ number: 1 }, second, { number: 3, snapshots: [[{ send: sent }]] }]);
    const { manifest } = await backUp(vault, { slot: SLOT, etcd });
    expect(manifest.etcd.source.memberId).toBe("a2");
    expect(vault.progress.warnings).toEqual([saying(`the snapshot from ${endpointOf(3)} does not match its own trailer`)]);
    expect(apartFromCustody(vault)).toHaveLength(3);
  });

  test("and the leader only where no follower can", async () => {
    const etcd = new ScriptedEtcd([
      { number: 1, snapshots: [whole(bytes)] },
      { number: 2, snapshots: [[{ fail: lost(2) }]] },
      { number: 3, snapshots: [[{ fail: lost(3) }]] },
    ]);
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest.etcd.source).toMatchObject({ memberId: "a1", isLeader: true });
    expect(etcd.streamed).toEqual([endpointOf(2), endpointOf(3), endpointOf(1)]);
  });

  test("and where none can, one message names each, and nothing is visible", async () => {
    const etcd = new ScriptedEtcd([
      { number: 1, snapshots: [[{ fail: lost(1) }]] },
      { number: 2, snapshots: [[{ send: flipped(bytes, 3) }]] },
      { number: 3, snapshots: [[{ send: bytes }, { fail: lost(3) }]] },
    ]);
    const failure = await failureOf(backUp(vault, { etcd }));
    expect(failure).toMatchObject({ code: "etcd/trailer", message: saying("no member of prod gave a whole snapshot: "), hint: anyText });
    for (const number of [1, 2, 3]) expect(failure.message.split(endpointOf(number))).toHaveLength(2);
    expect(apartFromCustody(vault)).toEqual([]);
  });

  test("and where the only one cannot, its error stands", async () => {
    const error = lost(1);
    await expect(backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ fail: error }]] }]) })).rejects.toBe(error);
    const wrong = new ScriptedEtcd([{ number: 1, snapshots: [[{ send: flipped(bytes, 0) }]] }]);
    expect(await failureOf(backUp(vault, { etcd: wrong }))).toMatchObject({ code: "etcd/trailer", hint: anyText });
    expect(apartFromCustody(vault)).toEqual([]);
  });
});

describe("no snapshot is asked for", () => {
  const denied = new LifeboatError("etcd/denied", "https://m1:2379: user backup may not take snapshots", { hint: "give it the root role" });
  const refused = (number: number): LifeboatError => new LifeboatError("etcd/unreachable", `${endpointOf(number)} refused the connection`);
  test.each<[string, readonly ScriptedMember[], object]>([
    [
      "where the user may not",
      [{ number: 1, permission: denied }],
      { code: "etcd/denied", message: denied.message, hint: "give it the root role" },
    ],
    [
      "where the endpoints are of two clusters",
      [{ number: 1 }, { number: 2, status: { clusterId: "c2" } }],
      { code: "etcd/cluster-mismatch", message: saying("c1 at https://m1:2379; c2 at https://m2:2379"), hint: anyText },
    ],
    ["of a learner", [{ number: 2, status: { isLearner: true } }], { code: "etcd/no-member", message: saying("no healthy voting member") }],
    [
      "where the only endpoint is down",
      [{ number: 1, status: refused(1) }],
      { code: "etcd/unreachable", message: "https://m1:2379 refused the connection" },
    ],
    [
      "where all are down, each being named",
      [1, 2].map((number) => ({ number, status: refused(number) })),
      {
        code: "etcd/unreachable",
        message: "no endpoint of prod answers: https://m1:2379 refused the connection; https://m2:2379 refused the connection",
        hint: anyText,
      },
    ],
  ])("%s", async (_why, members, error) => {
    const etcd = new ScriptedEtcd(members);
    expect(await failureOf(backUp(vault, { etcd }))).toMatchObject(error);
    expect(etcd.streamed).toEqual([]);
    expect(apartFromCustody(vault)).toEqual([]);
  });

  test("of a member where permission is denied, while another grants it", async () => {
    const etcd = new ScriptedEtcd([
      { number: 1, snapshots: [whole(randomSnapshot(1000))] },
      { number: 2, permission: denied },
    ]);
    expect((await backUp(vault, { etcd })).manifest.etcd.source.memberId).toBe("a1");
  });

  test("for a slot in the future", async () => {
    const etcd = oneMember();
    expect(await failureOf(backUp(vault, { etcd, slot: "2026-11-21T10:15:01Z" }))).toMatchObject({
      code: "usage",
      message: "the slot 2026-11-21T10:15:01.000Z is in the future",
      hint: saying("clock"),
    });
    expect(etcd.asked).toEqual([]);
    // Two clocks may differ by so much.
    expect((await backUp(vault, { etcd, slot: "2026-11-21T10:15:00Z" })).manifest.id).toBe("20261121T101500Z");
  });

  test("where readers would not believe the key that signs", async () => {
    const etcd = oneMember();
    const distrusting = { ...vault, trusted: { ...vault.trusted, snapshot: vault.trusted.audit } };
    const failure = await failureOf(backUp(distrusting, { etcd }));
    expect(failure).toMatchObject({ code: "config/invalid", hint: saying("trustedKeys.snapshot") });
    expect(failure.message).toContain(keys.trusted.snapshot[0]);
    expect(etcd.asked).toEqual([]);
  });

  test("where there is no key to sign with", async () => {
    const etcd = oneMember();
    const keyless = { ...vault, keys: new LocalKeyRing(join(keys.folder, "nowhere")) };
    expect(await failureOf(backUp(keyless, { etcd }))).toMatchObject({ code: "keys/missing" });
    expect(etcd.asked).toEqual([]);
  });
});
