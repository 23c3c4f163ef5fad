import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exportSnapshot } from "../../shared/jobs/inspect/export.ts";
import { rewrap } from "../../shared/jobs/rewrap.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { createLocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { LocalWrappingKey } from "../../shared/keys/local/local-wrapping-key.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import { addedKeys } from "../../shared/vault/added-keys.ts";
import type { WrappingRecord } from "../../shared/documents/parts.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import { failureOf } from "../support/blobs.ts";
import { backUp, bothPorts, CLUSTER, makeTestKeys, newVault, rewrite, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/**
 * Issue 6a.7. A stolen writer makes snapshots that open for the store's own key, so that they verify, and not for a replica's or break-glass: on the day when the
 * store is gone with its key nobody opens anything.
 */

const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;

let keys: TestKeys;
let vault: TestVault;
let replica: { readonly folder: string; readonly ring: LocalKeyRing; readonly recipient: string };
beforeAll(async () => {
  keys = await makeTestKeys();
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-replica-"));
  const { wrappingKey } = await createLocalKeys(join(folder, "keys"));
  replica = { folder, ring: new LocalKeyRing(join(folder, "keys")), recipient: wrappingKey };
});
afterAll(() => Promise.all([keys.remove(), rm(replica.folder, { recursive: true, force: true })]));
beforeEach(() => {
  vault = verifier();
});

/** As the configuration of whoever verifies opens it: with a replica and a break-glass recipient. */
function verifier(over?: TestVault): TestVault {
  const plain = over ?? newVault(keys);
  return { ...plain, ...bothPorts(storeOf(plain, keys.ring)) };
}

function storeOf(
  { blobs, trusted }: TestVault,
  ring: LocalKeyRing,
  breakGlass: readonly string[] = [keys.breakGlass.recipient],
): SealedStore {
  const replicaKeys = [new LocalWrappingKey(replica.recipient)];
  return new SealedStore({ blobs, keys: ring, replicaKeys, breakGlass, randomBytes, addedKeys: addedKeys({ blobs, trusted }) });
}

/** A snapshot as the thief makes it: all is right but the wrapping under the replica's key. */
async function withForged(forged: WrappingRecord): Promise<void> {
  await backUp(vault);
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, ID), (document) => {
    const stored = sealedObject(document.stored);
    const [own] = stored.encryption.wrappings;
    if (own === undefined) throw new Error("there is no wrapping");
    return { ...document, stored: { ...stored, encryption: { ...stored.encryption, wrappings: [own, forged] } } };
  });
}

const garbage = (): Promise<WrappingRecord> =>
  Promise.resolve({ kind: "local", key: replica.recipient, ciphertext: randomBytes(300).toString("base64") });

/** Whoever comes back with the replica and its key alone. */
async function openAtReplica(): Promise<number> {
  return opened({ ...vault, ...bothPorts(storeOf(vault, replica.ring)) });
}

async function opened(ports: TestVault, identities?: readonly string[]): Promise<number> {
  let bytes = 0;
  await exportSnapshot(ports, {
    ref: REF,
    unverified: true,
    ...(identities === undefined ? {} : { identities }),
    async write(pieces) {
      for await (const piece of pieces) bytes += piece.length;
    },
  });
  return bytes;
}

describe("a wrapping under a replica's key that is garbage, or wraps another identity", () => {
  test.each([
    ["garbage", garbage],
    [
      "another snapshot's identity",
      async () => {
        const { identity } = await newIdentity();
        const { kind, key, ciphertext } = await new LocalWrappingKey(replica.recipient).wrap(identity, { cluster: CLUSTER, snapshot: ID });
        return { kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") };
      },
    ],
  ] as const)("%s: after the verification the replica opens it all the same", async (_what, forged) => {
    await withForged(await forged());
    expect(await failureOf(openAtReplica())).toMatchObject({ code: "verify/sealed" });
    await verifyDeep(vault, REF);
    expect(await openAtReplica()).toBeGreaterThan(0);
  });

  test("rewrap does not take the writer's word for it either", async () => {
    await withForged(await garbage());
    const { snapshots } = await rewrap(vault, { dryRun: false });
    expect(snapshots).toMatchObject([{ outcome: "rewrapped" }]);
    expect(await openAtReplica()).toBeGreaterThan(0);
  });
});

describe("a header without a stanza for the break-glass recipient that the manifest lists", () => {
  /** The thief seals for itself in the place of the break-glass recipient, and lists that. */
  async function sealFor(recipients: readonly string[]): Promise<void> {
    const thief = { ...vault, ...bothPorts(storeOf(vault, keys.ring, recipients)) };
    await backUp(thief);
    await rewrite(vault, "snapshot", manifestKey(CLUSTER, ID), (document) => {
      const stored = sealedObject(document.stored);
      return { ...document, stored: { ...stored, encryption: { ...stored.encryption, breakGlass: [keys.breakGlass.recipient] } } };
    });
  }
  const byBreakGlass = (): Promise<number> =>
    opened({ ...vault, ...bothPorts(storeOf(vault, new LocalKeyRing(join(keys.folder, "nowhere")))) }, [keys.breakGlass.identity]);

  test("one for the thief: after the verification break-glass opens it", async () => {
    await sealFor([(await newIdentity()).recipient]);
    expect(await failureOf(byBreakGlass())).toMatchObject({ code: "verify/sealed" });
    await verifyDeep(vault, REF);
    expect(await byBreakGlass()).toBeGreaterThan(0);
  });

  test("none at all: the verification says so, and leaves no countersignature", async () => {
    await sealFor([]);
    expect(await failureOf(verifyDeep(vault, REF))).toMatchObject({ code: "verify/sealed" });
    expect([...vault.blobs.objects.keys()].filter((key) => key.includes("/verified/"))).toEqual([]);
  });
});
