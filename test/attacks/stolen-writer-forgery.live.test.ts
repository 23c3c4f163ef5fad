import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { revisionOf } from "../../shared/documents/content.ts";
import { verifiedPrefix } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import type { Verification } from "../../shared/documents/verification.ts";
import { openDocument } from "../../shared/documents/signed-document.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import type { MembersToAsk } from "../../shared/jobs/verify/inquiry.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { freePorts } from "../../tools/lab/free-port.ts";
import { sourceOf } from "../etcd/support/source-of.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, LIMITS, makeTestKeys, newVault, POLICY } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";
import { forgeSnapshot } from "./thief.ts";

/**
 * A thief of the snapshot key who may put makes a forgery in which everything fits: content of an etcd of its own, a manifest that describes exactly that, and votes of the real members which say that they
 * confirmed it. A verifier that asks nobody countersigns it.
 */

let keys: TestKeys;
let cluster: EtcdCluster;
/** The thief's: the same keys in the same revisions, and one value changed. */
let another: EtcdCluster;
let vault: TestVault;
let real: Manifest;

beforeAll(async () => {
  [keys, cluster, another] = await Promise.all([
    makeTestKeys(),
    startCluster({ version: "3.6", members: 3 }),
    startCluster({ version: "3.6" }),
  ]);
  for (const value of ["1", "2", "3"]) {
    await cluster.etcdctl(["put", "registry/secrets/a", value]);
    await another.etcdctl(["put", "registry/secrets/a", value === "2" ? "forged" : value]);
  }
}, 60_000);
afterAll(async () => {
  await Promise.all([cluster.stop(), another.stop()]);
  await keys.remove();
});

beforeEach(async () => {
  vault = newVault(keys);
  using source = sourceOf(cluster.connection);
  ({ manifest: real } = await backUp(vault, { etcd: source }));
  vault.clock.advance(3_600_000);
});

/** A snapshot of the thief's own etcd. */
async function snapshotOf({ connection, endpoints }: EtcdCluster): Promise<Buffer> {
  using source = sourceOf(connection);
  const chunks: Buffer[] = [];
  for await (const block of source.snapshot(endpoints[0] ?? "", LIMITS)) {
    chunks.push(Buffer.from(block.bytes));
    block.release();
  }
  return Buffer.concat(chunks);
}

const forge = async (says: Partial<Manifest> = {}): Promise<string> =>
  forgeSnapshot(vault, { real, bytes: await snapshotOf(another), at: vault.clock.now().toISOString(), says });

/** A verifier that reaches what it asks by these endpoints. */
const asking = (endpoints: readonly string[], confirm: "required" | "wanted" = "wanted"): TestVault => ({
  ...vault,
  policyOf: () => ({ agreement: "quorum", confirm, rpoMs: 7_200_000 }),
  membersOf: (): Promise<MembersToAsk> => Promise.resolve({ etcd: sourceOf({ ...cluster.connection, endpoints }), policy: POLICY }),
});

function countersignature(key: string): Verification {
  return openDocument("verification", bytesAt(vault, key), vault.trusted, key);
}

async function noneIsLeft(id: string): Promise<void> {
  expect(await keysIn(vault.blobs, verifiedPrefix(CLUSTER, id))).toEqual([]);
  expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed", details: { code: "verify/not-confirmed" } });
}

test("is countersigned and good where the verifier asks nobody", async () => {
  const id = await forge();
  expect(await verifyDeep(vault, `prod/${id}`)).toMatchObject({ lacks: [], confirmed: "not asked" });
});

describe.each(["wanted", "required"] as const)("where members are asked (%s)", (confirm) => {
  test("a real snapshot is countersigned as confirmed, with who said what", async () => {
    const verifier = asking(cluster.endpoints, confirm);
    const { lacks, confirmed, countersignature: key } = await verifyDeep(verifier, `prod/${real.id}`);
    expect([lacks, confirmed]).toEqual([[], "members"]);
    const { confirmation } = countersignature(key);
    expect(confirmation).toMatchObject({
      asked: { at: vault.clock.now().toISOString(), revision: revisionOf(real), agreement: "quorum", voters: 3, needed: 2 },
    });
    const followers = await Promise.all((await cluster.followers()).map(async ({ name }) => name));
    expect(confirmation?.asked?.members.map(({ name, answer }) => `${name} ${answer}`).toSorted()).toEqual(
      followers.map((name) => `${name} agrees`).toSorted(),
    );
  });

  test("the forgery is refused: members contradict it", async () => {
    const id = await forge();
    expect(await failureOf(verifyDeep(asking(cluster.endpoints, confirm), `prod/${id}`))).toMatchObject({
      code: "verify/not-confirmed",
      message: saying(`is not what its cluster held at revision ${revisionOf(real)}: m`),
      hint: saying("find out who can sign with the snapshot key"),
    });
    await noneIsLeft(id);
  });

  test("so it is where it claims to be of a later revision than the cluster has", async () => {
    await another.etcdctl(["put", "registry/secrets/b", "later"]);
    const id = await forge();
    const failing = failureOf(verifyDeep(asking(cluster.endpoints, confirm), `prod/${id}`));
    expect(await whileTimePasses(failing)).toMatchObject({ code: "verify/not-confirmed", message: saying("has not come so far") });
    await noneIsLeft(id);
    await cluster.etcdctl(["put", "registry/secrets/b", "as many revisions as the thief's"]);
  });

  test("so it is where it claims to be of the etcd cluster that it is of", async () => {
    using source = sourceOf(another.connection);
    const { clusterId } = await source.status(another.endpoints[0] ?? "");
    const id = await forge({ etcd: { ...real.etcd, clusterId } });
    expect(await failureOf(verifyDeep(asking(cluster.endpoints, confirm), `prod/${id}`))).toMatchObject({
      code: "verify/not-confirmed",
      message: saying(`it claims to be of etcd cluster ${clusterId}, and the endpoints of prod lead to ${real.etcd.clusterId}`),
    });
    await noneIsLeft(id);
  });
});

describe("where no member can be reached", () => {
  const nowhere = async (): Promise<readonly string[]> => (await freePorts(3)).map((port) => `http://127.0.0.1:${port}`);

  test("it is countersigned as not asked under wanted, with the reason", async () => {
    const { lacks, confirmed, confirmation } = await verifyDeep(asking(await nowhere()), `prod/${await forge()}`);
    expect([lacks, confirmed]).toEqual([[], "not asked"]);
    expect(confirmation.reason).toContain("nobody could list the members");
  });

  test("it is not good under required", async () => {
    const { lacks } = await verifyDeep(asking(await nowhere(), "required"), `prod/${await forge()}`);
    expect(lacks).toEqual([{ code: "not-confirmed", reason: "not confirmed by members: not asked" }]);
  });
});

/** The verifier waits by the vault's clock for members that lag. */
async function whileTimePasses<T>(done: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const end = (): void => {
    state.isOver = true;
  };
  done.then(end, end);
  while (!state.isOver) {
    await setImmediate();
    if (vault.clock.waiting > 1) vault.clock.advance(200);
  }
  return done;
}
