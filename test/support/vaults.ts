import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../shared/system-clock.ts";
import { FileLock } from "../../shared/host/files/file-lock.ts";
import type { EtcdSource } from "../../shared/etcd/etcd-source.ts";
import type { AgreementPolicy } from "../../shared/jobs/backup/ask-agreement.ts";
import { backup } from "../../shared/jobs/backup/backup.ts";
import type { BackupPorts, BackupResult } from "../../shared/jobs/backup/backup.ts";
import type { RewrapPorts } from "../../shared/jobs/rewrap.ts";
import type { ConfirmPorts } from "../../shared/jobs/verify/inquiry.ts";
import type { JudgePorts } from "../../shared/vault/judge.ts";
import { createLocalKeys } from "../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { custodyPrefix, manifestKey, verifiedKey, verifiedPrefix } from "../../shared/documents/layout.ts";
import type { CustodyRecord } from "../../shared/documents/custody-record.ts";
import type { Agreement } from "../../shared/documents/proof.ts";
import type { SealedObject, Stored } from "../../shared/documents/stored.ts";
import { digestOf, openDocument } from "../../shared/documents/signed-document.ts";
import type { DocumentOf, KindOfOneSigner, TrustedKeys, Unsigned } from "../../shared/documents/signed-document.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import type { SnapshotStore } from "../../shared/store/snapshot-store.ts";
import type { WrappedKeys } from "../../shared/store/wrapped-keys.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { MemoryBlobStore, type MemoryOptions } from "../doubles/memory-blob-store.ts";
import { RecordedProgress } from "../doubles/recorded-progress.ts";
import { ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { whole } from "../seal/streams.ts";
import { keys as keysIn } from "./blobs.ts";
import { signedBy } from "./envelopes.ts";
import { randomSnapshot } from "./snapshots.ts";

/** Real keys in a folder of their own, and the configuration that trusts them. */
export interface TestKeys {
  readonly folder: string;
  readonly ring: LocalKeyRing;
  readonly trusted: TrustedKeys;
  readonly breakGlass: { readonly identity: string; readonly recipient: string };
  remove(): Promise<void>;
}

export async function makeTestKeys(): Promise<TestKeys> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-vault-"));
  const { publicKeys } = await createLocalKeys(join(folder, "keys"));
  const { snapshot, audit, bundle } = publicKeys;
  return {
    folder,
    ring: new LocalKeyRing(join(folder, "keys")),
    trusted: { snapshot: [snapshot.fingerprint], audit: [audit.fingerprint], bundle: [bundle.fingerprint] },
    breakGlass: await newIdentity(),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** All that the jobs see but etcd: real keys and a real seal over a store in memory. */
export interface TestVault
  extends Omit<BackupPorts, "etcd">, Pick<RewrapPorts, "wrappedKeys">, Pick<JudgePorts, "policyOf">, Pick<ConfirmPorts, "membersOf"> {
  readonly indexFrom: (cluster: string) => number;
  readonly deepEvery: (cluster: string) => number;
  readonly blobs: MemoryBlobStore;
  readonly clock: ManualClock;
  readonly progress: RecordedProgress;
}

export function newVault({ folder, ring, trusted, breakGlass }: TestKeys, start?: string, options: MemoryOptions = {}): TestVault {
  const clock = new ManualClock(start);
  const blobs = new MemoryBlobStore(clock, options);
  return {
    blobs,
    clock,
    trusted,
    keys: ring,
    ...bothPorts(new SealedStore({ blobs, keys: ring, breakGlass: [breakGlass.recipient], randomBytes })),
    lock: new FileLock(join(folder, "locks"), systemClock),
    progress: new RecordedProgress(),
    actor: () => Promise.resolve("ann@backups"),
    configuration: () => ({}),
    policyOf: () => undefined,
    membersOf: () => Promise.resolve({ notAsked: "the test asks nobody" }),
    indexFrom: () => Infinity,
    deepEvery: () => 0,
  };
}

/** The ports that one adapter implements both. */
export function bothPorts<T extends SnapshotStore & WrappedKeys>(store: T): { readonly snapshots: T; readonly wrappedKeys: T } {
  return { snapshots: store, wrappedKeys: store };
}

export const LIMITS = { idleMs: 30_000, totalMs: 60_000 };
export const POLICY: AgreementPolicy = { agreement: "quorum", hashKvMs: 5_000 };
export const RPO_MS = 7_200_000;
export const CLUSTER = "prod";

/** A member that gives a whole snapshot of so many bytes, and anew each time that it is asked. */
export function oneMember(bytes = 2000): ScriptedEtcd {
  return new ScriptedEtcd([{ number: 1, snapshots: [[{ send: randomSnapshot(bytes) }]] }]);
}

/** A real backup into `vault`, of some random bytes unless told. */
export async function backUp(
  vault: TestVault,
  options: {
    readonly cluster?: string;
    readonly slot?: string;
    readonly etcd?: EtcdSource;
    readonly signal?: AbortSignal;
    readonly agreement?: Agreement;
    readonly rpoMs?: number;
    readonly execution?: string;
    readonly voters?: number;
  } = {},
): Promise<BackupResult> {
  const { cluster = CLUSTER, slot, etcd = oneMember(), signal, agreement = POLICY.agreement, rpoMs = RPO_MS, execution, voters } = options;
  return backup(
    { ...vault, etcd },
    {
      cluster,
      rpoMs,
      execution,
      limits: LIMITS,
      policy: { ...POLICY, agreement, voters },
      ...(slot === undefined ? {} : { slot: new Date(slot) }),
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** What is in the store but custody records. */
export function apartFromCustody({ blobs }: TestVault): readonly string[] {
  return [...blobs.objects.keys()].filter((key) => !key.includes("/custody/"));
}

/** The records of a cluster's log, in order. */
export function custodyOf(vault: TestVault, cluster = CLUSTER): readonly CustodyRecord[] {
  const keys = [...vault.blobs.objects.keys()].filter((key) => key.startsWith(custodyPrefix(cluster))).toSorted();
  return keys.map((key) => openDocument("custody", bytesAt(vault, key), vault.trusted, key));
}

/** What a person sees of a cluster: its manifests. */
export async function visible(vault: TestVault, cluster = CLUSTER): Promise<readonly string[]> {
  return keysIn(vault.blobs, `clusters/${cluster}/snapshots/`);
}

/** Puts bytes into the store behind everybody's back. */
export function plant(vault: TestVault, key: string, bytes: Uint8Array | string): void {
  vault.blobs.objects.set(key, { bytes: Buffer.from(bytes), modified: vault.clock.now() });
}

/** The bytes of an object that must be there. */
export function bytesAt(vault: TestVault, key: string): Buffer {
  const kept = vault.blobs.objects.get(key);
  if (kept === undefined) throw new Error(`${key} is not there`);
  return Buffer.from(kept.bytes);
}

/** Puts a changed document, rightly signed again, in the place of the one at `key`: also one that lifeboat itself would not write. The store has it from when it had that. */
export async function rewrite<K extends KindOfOneSigner>(
  vault: TestVault,
  kind: K,
  key: string,
  change: (document: DocumentOf<K>) => Unsigned<K>,
): Promise<void> {
  const document = openDocument(kind, bytesAt(vault, key), vault.trusted, key);
  const { modified = vault.clock.now() } = vault.blobs.objects.get(key) ?? {};
  vault.blobs.objects.set(key, { bytes: await signedBy(vault.keys, document.signer.purpose, change(document), kind), modified });
}

/** Marks a snapshot as one that must not be trusted. */
export async function quarantine(vault: TestVault, id: string): Promise<void> {
  await rewrite(vault, "snapshot", manifestKey(CLUSTER, id), (manifest) => ({
    ...manifest,
    quarantine: { reasons: ["its members disagree"] },
  }));
}

/** A snapshot of `prod`, opened. */
export async function contentOf(vault: TestVault, id: string): Promise<Buffer> {
  const { stored, snapshot } = openDocument("snapshot", bytesAt(vault, manifestKey(CLUSTER, id)), vault.trusted, id);
  return whole(vault.snapshots.open({ cluster: CLUSTER, id }, stored, snapshot));
}

export function sealedObject(stored: Stored): SealedObject {
  if (stored.kind !== "sealed") throw new TypeError(`a ${stored.kind} object`);
  return stored;
}

/** A countersignature of the snapshot `id` of `prod`, which the verifier would not give: that of another one, signed anew. */
export async function countersignAs(vault: TestVault, id: string, other: string): Promise<void> {
  const [key = ""] = await keysIn(vault.blobs, verifiedPrefix(CLUSTER, other));
  const document = openDocument("verification", bytesAt(vault, key), vault.trusted, key);
  const manifestDigest = digestOf(bytesAt(vault, manifestKey(CLUSTER, id)));
  plant(vault, verifiedKey(CLUSTER, id, id), await signedBy(vault.keys, "audit", { ...document, id, manifestDigest }, "verification"));
}
