import { describe, expect, test } from "vitest";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { verifyMissing } from "../../../shared/jobs/verify/verify-missing.ts";
import type { MembersToAsk } from "../../../shared/jobs/verify/inquiry.ts";
import type { Confirm } from "../../../shared/documents/confirmation.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import type { Agreement } from "../../../shared/documents/proof.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import type { EtcdSource } from "../../../shared/etcd/etcd-source.ts";
import { endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { HashKvAnswer, ScriptedMember } from "../../doubles/scripted-etcd.ts";
import { collect, failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { hashKvOf, randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { backUp, CLUSTER, custodyOf, POLICY, quarantine, rewrite } from "../../support/vaults.ts";
import type { TestVault } from "../../support/vaults.ts";

/** What a verifier makes of what members say. m1 is the leader. */

const { vault } = useVault();

const bytes = randomSnapshot(1000);
const [AGREES, DIFFERS] = [hashKvOf(bytes), hashKvOf(randomSnapshot(1000))];
const COMPACTED = new LifeboatError("etcd/compacted", "revision 50 has been compacted");
const DOWN = new LifeboatError("etcd/unreachable", "the way is cut");

const backedUp = async (): Promise<string> =>
  (
    await backUp(vault, {
      etcd: new ScriptedEtcd([
        { number: 1 },
        { number: 2, status: { raftAppliedIndex: 90 } },
        { number: 3, snapshots: [[{ send: bytes }]] },
      ]),
    })
  ).manifest.id;

type Words = Partial<ScriptedMember> | HashKvAnswer;
const member = (number: number, words: Words): ScriptedMember =>
  typeof words === "function" || words instanceof LifeboatError || "hash" in words ? { number, hashes: [words] } : { number, ...words };
const cluster = (m1: Words, m2: Words, m3: Words): ScriptedEtcd => new ScriptedEtcd([member(1, m1), member(2, m2), member(3, m3)]);

/** A verifier of its own credentials; the connection closes when it is done. */
function asking(
  etcd: EtcdSource | MembersToAsk,
  { confirm = "wanted", agreement = "quorum" }: { readonly confirm?: Confirm; readonly agreement?: Agreement } = {},
): TestVault {
  const members = "status" in etcd ? { etcd, policy: { ...POLICY, agreement } } : etcd;
  return { ...vault, policyOf: () => ({ agreement, confirm, rpoMs: 0 }), membersOf: () => Promise.resolve(members) };
}
const hashed = ({ asked }: ScriptedEtcd): readonly string[] => asked.filter((call) => call.startsWith("hashKv "));
const question = (number: number): string => `hashKv ${endpointOf(number)} 50`;

test("followers are asked, one after the other, and the leader is left alone", async () => {
  const id = await backedUp();
  const etcd = cluster(DOWN, AGREES, AGREES);
  const { confirmed, confirmation } = await verifyDeep(asking(etcd), `prod/${id}`);
  expect(hashed(etcd)).toEqual([question(2), question(3)]);
  expect(confirmed).toBe("members");
  expect(confirmation).toEqual({
    asked: {
      at: "2026-11-21T10:00:00.000Z",
      revision: 50,
      agreement: "quorum",
      voters: 3,
      needed: 2,
      members: [2, 3].map((number) => ({ id: `a${number}`, name: `m${number}`, answer: "agrees", ...AGREES })),
    },
  });
  await expect(etcd.status(endpointOf(1))).rejects.toThrow("after close()");
});

test("a single dissenter is named, and the leader is asked in its place", async () => {
  const id = await backedUp();
  const etcd = cluster(AGREES, DIFFERS, AGREES);
  const { confirmed } = await verifyDeep(asking(etcd), `prod/${id}`);
  expect(confirmed).toBe("members");
  expect(hashed(etcd)).toEqual([question(2), question(3), question(1)]);
  expect(vault.progress.warnings).toEqual([saying(`m2 dissents from prod/${id} at revision 50`)]);
});

test("a snapshot that a quorum contradicts gets no countersignature, and the log is told", async () => {
  const id = await backedUp();
  const etcd = cluster(AGREES, DIFFERS, DIFFERS);
  expect(await failureOf(verifyDeep(asking(etcd), `prod/${id}`))).toMatchObject({
    code: "verify/not-confirmed",
    message: `prod/${id} is not what its cluster held at revision 50: m2 and m3 have another HashKV than its content`,
    hint: saying("etcdctl endpoint hashkv --cluster --rev=50"),
  });
  expect(hashed(etcd)).toEqual([question(2), question(3)]);
  expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed", signer: { purpose: "audit" } });
});

test("members are asked before the snapshot is read, since its revision may be compacted meanwhile", async () => {
  const id = await backedUp();
  let isRead = false;
  const etcd = cluster(
    DOWN,
    () => (isRead ? COMPACTED : AGREES),
    () => (isRead ? COMPACTED : AGREES),
  );
  const snapshots = {
    ...vault.snapshots,
    check: vault.snapshots.check.bind(vault.snapshots),
    open: (...args: Parameters<TestVault["snapshots"]["open"]>) => {
      isRead = true;
      return vault.snapshots.open(...args);
    },
  };
  expect(await verifyDeep({ ...asking(etcd), snapshots }, `prod/${id}`)).toMatchObject({ confirmed: "members" });
});

describe("too late", () => {
  test("is told under wanted, and is not good under required", async () => {
    const id = await backedUp();
    const etcd = (): ScriptedEtcd => cluster(COMPACTED, COMPACTED, COMPACTED);
    const reason = "m2 and m3 and m1 have compacted past its revision";
    expect(await verifyDeep(asking(etcd()), `prod/${id}`)).toMatchObject({ confirmed: "too late", confirmation: { reason }, lacks: [] });
    expect(await verifyDeep(asking(etcd(), { confirm: "required" }), `prod/${id}`)).toMatchObject({
      lacks: [{ code: "not-confirmed", reason: "not confirmed by members: too late" }],
    });
  });

  test("takes nothing from what members confirmed to an earlier verification", async () => {
    const id = await backedUp();
    await verifyDeep(asking(cluster(DOWN, AGREES, AGREES)), `prod/${id}`);
    const again = await verifyDeep(asking(cluster(COMPACTED, COMPACTED, COMPACTED), { confirm: "required" }), `prod/${id}`);
    expect(again).toMatchObject({ confirmed: "too late", lacks: [] });
  });

  test("of many snapshots members are asked once: an older revision is compacted as well", async () => {
    for (let run = 0; run < 4; run += 1) {
      await backUp(vault, { etcd: new ScriptedEtcd([{ number: 1, snapshots: [[{ send: randomSnapshot(500 + run) }]] }]) });
      vault.clock.advance(60_000);
    }
    const etcd = cluster(COMPACTED, COMPACTED, COMPACTED);
    const outcomes = await collect(verifyMissing(asking(etcd), CLUSTER));
    expect(outcomes.map((each) => ("verified" in each ? each.verified.confirmed : each))).toEqual(Array(4).fill("too late"));
    expect(hashed(etcd)).toHaveLength(3);
    expect(etcd.asked.filter((call) => call === `status ${endpointOf(2)}`)).toHaveLength(2);
  });
});

describe("not asked", () => {
  const never = new ScriptedEtcd([]);

  test.each([
    ["nobody is to be asked", { notAsked: "verify.confirm is off for this cluster" }, "verify.confirm is off for this cluster"],
    ["no member answers", cluster({ status: DOWN }, { status: DOWN }, { status: DOWN }), "nobody could list the members"],
    ["too few answer", cluster(DOWN, DOWN, AGREES), "1 of 3 voting members confirmed it, and 2 are needed; m2: the way is cut"],
  ])("where %s", async (_, members, reason) => {
    const id = await backedUp();
    const { confirmed, confirmation, lacks } = await verifyDeep(asking(members), `prod/${id}`);
    expect([confirmed, lacks]).toEqual(["not asked", []]);
    expect(confirmation.reason).toContain(reason);
  });

  test("of a snapshot in quarantine, which may be the copy of a member that dissents", async () => {
    const id = await backedUp();
    await quarantine(vault, id);
    const { confirmed, confirmation } = await verifyDeep(asking(never), `prod/${id}`);
    expect([confirmed, confirmation]).toEqual(["not asked", { reason: "it is in quarantine" }]);
  });

  test("where a secret of the verifier cannot be read here; what is wrong in the configuration ends it", async () => {
    const id = await backedUp();
    const failing = (code: "config/secret" | "config/invalid"): TestVault => ({
      ...vault,
      membersOf: () => Promise.reject(new LifeboatError(code, "clusters.prod.verify.auth.password: no such variable")),
    });
    expect(await verifyDeep(failing("config/secret"), `prod/${id}`)).toMatchObject({
      confirmed: "not asked",
      confirmation: { reason: "clusters.prod.verify.auth.password: no such variable" },
    });
    expect(await failureOf(verifyDeep(failing("config/invalid"), `prod/${id}`))).toMatchObject({ code: "config/invalid" });
  });
});

test("the agreement is the verifier's own, whatever the manifest says that was asked for", async () => {
  const id = await backedUp();
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, id), (manifest) => ({
    ...manifest,
    proof: { ...manifest.proof, agreement: "one" as const },
  }));
  const one = cluster(DOWN, AGREES, DOWN);
  expect(await verifyDeep(asking(one), `prod/${id}`)).toMatchObject({ confirmed: "not asked" });
  expect(await verifyDeep(asking(cluster(DOWN, AGREES, DOWN), { agreement: "one" }), `prod/${id}`)).toMatchObject({ confirmed: "members" });
});

test("a member that hangs ends the asking and not the verification", async () => {
  const id = await backedUp();
  const hanging: EtcdSource = Object.assign(cluster(AGREES, AGREES, AGREES), {
    hashKv: (_endpoint: string, _revision: unknown, _options: unknown, signal?: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new LifeboatError("interrupted", "the call was interrupted")));
      }),
  });
  const done = verifyDeep(asking(hanging), `prod/${id}`);
  await expect.poll(() => vault.clock.waiting, { timeout: 10_000, interval: 1 }).toBe(1);
  vault.clock.advance(60_000);
  expect(await done).toMatchObject({ confirmed: "not asked" });
});
