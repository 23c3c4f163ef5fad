import { composeControlTar, planFile } from "../../bundle/control-tar.ts";
import type { BundleContent, ControlTar, NamedFile } from "../../bundle/control-tar.ts";
import { certificateWarnings, membersIn } from "../../bundle/members.ts";
import type { BundleMember } from "../../bundle/members.ts";
import { toolsMinorFor } from "../../bundle/plan.ts";
import type { Architecture, Distribution, Plan, Recipient, ToolsMinor } from "../../bundle/plan.ts";
import { revisionBump } from "../../bundle/revision-bump.ts";
import { nextSteps } from "../../bundle/steps.ts";
import type { RandomBytes } from "../../clock.ts";
import { restoreWarnings } from "../../documents/attention.ts";
import { isWhole, revisionOf } from "../../documents/content.ts";
import { manifestKey } from "../../documents/layout.ts";
import { requireKnown } from "../../documents/manifest.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { MAX_DOCUMENT_BYTES } from "../../documents/signed-document.ts";
import { idOfSlot } from "../../documents/slot.ts";
import type { KopiaObject, SealedObject, StoredObject } from "../../documents/stored.ts";
import { LifeboatError } from "../../errors.ts";
import type { PublicKey } from "../../keys/key-ring.ts";
import type { Progress } from "../../progress.ts";
import { readSmall } from "../../store/blob-store.ts";
import { readUntil } from "../../store/read-until.ts";
import type { SnapshotStore } from "../../store/snapshot-store.ts";
import { placedObject } from "../../store/stored-object.ts";
import { subjectOf } from "../../vault/catalog.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { standingOf } from "../../vault/lineage/standing.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { resolveJudged } from "../../vault/restore-ref.ts";
import { highestRevision } from "./highest-revision.ts";
import { nodeFilesFor } from "./node-files.ts";
import type { AddressFiles, GivenFiles } from "./node-files.ts";

/** The phases of making one, in order: each is told to `progress`. */
export const BUNDLE_PHASES = ["bundle", "record", "files"] as const;

/** What of a bundle comes from the machine that makes it. */
export interface BundleParts {
  /** Static programs, and the licences of what is linked into them. */
  programs(
    architecture: Architecture,
    minor: ToolsMinor,
    signal: AbortSignal,
  ): Promise<{ readonly programs: readonly (NamedFile & { readonly version: string })[]; readonly licences: Uint8Array }>;
  /** restore.sh, and its library. */
  scripts(): Promise<{ readonly script: Uint8Array; readonly memberScript: Uint8Array; readonly library: readonly NamedFile[] }>;
}

export interface MakeBundlePorts extends CustodyPorts, JudgePorts {
  readonly snapshots: SnapshotStore;
  readonly progress: Progress;
  readonly randomBytes: RandomBytes;
  readonly parts: BundleParts;
  /** Left out where no node's files go along. */
  readonly addressFiles?: AddressFiles | undefined;
}

export interface BundleRequest {
  readonly ref: string;
  readonly recipients: readonly Recipient[];
  /** The members to be; undefined for those in the manifest. */
  readonly members: readonly BundleMember[] | undefined;
  readonly architecture: Architecture;
  readonly distribution: Distribution;
  /** In the person's words. */
  readonly reason: string | undefined;
  /** Who asked for it, by their own word, where the caller is not the one who runs this. */
  readonly requestedBy?: string | undefined;
  /** For how long the plan may be applied. */
  readonly validMs: number;
  readonly signal: AbortSignal;
  /** Where the files go. What it writes before it throws must not be there afterwards, or must be no whole bundle. */
  readonly output: BundleOutput;
}

/** A control tar and its signature (DER), for one recipient. */
export interface SignedControl extends ControlTar {
  readonly recipient: Recipient;
  readonly signature: Uint8Array;
  /** The set of the node's own files in it: its time. */
  readonly nodeFiles?: string | undefined;
}

export interface BundleFiles {
  readonly cluster: string;
  readonly id: string;
  /** When they were made, in the form of an id. */
  readonly time: string;
  readonly controls: readonly SignedControl[];
  readonly bundleKey: PublicKey;
}

export interface BundleOutput {
  /** Whether it is the store: `bundles/` beside `clusters/`. */
  readonly published: boolean;
  /** Throws where the files could not be put there, before anything else is done. */
  prepare(): Promise<void>;
  /** The time of this run, in the form of an id, where others may have been in its second; left out: that second. */
  freeTime?(of: { readonly cluster: string; readonly id: string }, now: Date, signal: AbortSignal): Promise<string>;
  /** Takes a payload that is sealed for the bundle, before the rest; left out where there is no place for one. */
  takePayload?(
    name: string,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    advance: (bytes: number) => void,
  ): Promise<Pick<StoredObject, "bytes" | "sha256">>;
  /** Takes away what was taken, where no bundle came of it. */
  discard?(): Promise<void>;
  /** `advance` is told of bytes as they are written. */
  write(files: BundleFiles, payload: StoredObject, signal: AbortSignal, advance: (bytes: number) => void): Promise<void>;
}

/** What is told of a bundle. */
export interface ToldBundle {
  readonly plan: Plan;
  readonly planDigest: string;
  readonly time: string;
  readonly controls: readonly Pick<SignedControl, "recipient" | "bytes" | "digest" | "nodeFiles">[];
  readonly bundleKey: PublicKey;
  readonly revisionAfter: bigint;
  readonly custody: CustodyReceipt;
  /** What a person should know before restoring, a sentence each. */
  readonly warnings: readonly string[];
  /** In the tar; none where only its plan was read. */
  readonly programs: readonly { readonly name: string; readonly version: string }[];
  /** Whether the payload was sealed for this bundle, and lies with it alone. */
  readonly isSealedAnew: boolean;
  /** Whether a recipient's own files are stored and could not be given: a warning says why. */
  readonly isWithoutFiles: boolean;
}

export interface MadeBundle extends ToldBundle {
  readonly controls: readonly SignedControl[];
}

/**
 * Makes a restore bundle of one snapshot for each recipient: a control tar, signed with the bundle key, and told in the custody log before it is anywhere. The data is not read, but of a snapshot in a Kopia repository: that has no identity of its own, and is read and sealed for the bundle. Throws `ref/...`, `verify/...` where the manifest
 * or the object that it names does not hold, `config/...` where members or programs are missing, and the errors of keys, store and output; then no file is there.
 */
export async function makeBundle(ports: MakeBundlePorts, request: BundleRequest): Promise<MadeBundle> {
  try {
    return await make(ports, request);
  } catch (error) {
    await request.output.discard?.();
    throw error;
  }
}

async function make(ports: MakeBundlePorts, request: BundleRequest): Promise<MadeBundle> {
  const { recipients, architecture, distribution, signal, output } = request;
  const vault = { ...ports, blobs: readUntil(ports.blobs, signal) };
  await output.prepare();
  // Before a key opens anything: what cannot be signed is no bundle.
  await requireTrustedKey(ports.keys, ports.trusted, "bundle");
  const found = await resolveJudged(vault, request.ref);
  const { manifest, digest } = found;
  requireKnown(manifest);
  const members = request.members ?? membersIn(manifest);
  const minor = requireMinor(manifest);
  const object = objectIn(manifest);
  requirePlace(manifest, ports.snapshots, output);
  const [placed, highest, standing, stored, scripts, tools] = await Promise.all([
    object.kind === "sealed" ? placedObject(vault.blobs, object, signal) : undefined,
    highestRevision(vault, manifest.cluster, signal),
    standingOf(vault, manifest.cluster, manifest.lineage, signal),
    readSmall(vault.blobs, manifestKey(manifest.cluster, manifest.id), MAX_DOCUMENT_BYTES, signal),
    ports.parts.scripts(),
    ports.parts.programs(architecture, minor, signal),
  ]);
  const bump = revisionBump({ revision: revisionOf(manifest), highest, now: ports.clock.now() });
  if (bump === undefined) throw noBumpLeft(manifest, highest);
  const { payload, addressTo } =
    placed === undefined
      ? await sealAnew(ports, manifest, output, signal)
      : { payload: placed, addressTo: (key: string) => ports.snapshots.addressTo(manifest, manifest.stored, [key], signal) };
  const now = ports.clock.now();
  const time = (await output.freeTime?.(manifest, now, signal)) ?? idOfSlot(now);
  const random = Buffer.from(ports.randomBytes(8)).toString("hex");
  const plan: Plan = {
    manifest,
    manifestDigest: digest,
    payload,
    lacks: found.lacks.map(({ reason }) => reason),
    createdAt: now,
    expiresAt: new Date(now.getTime() + request.validMs),
    recipients: recipients.map(({ name }) => name),
    distribution,
    architecture,
    token: `lifeboat-${manifest.cluster}-${manifest.id}-${random}`,
    bump: bump.bump,
    members,
  };
  const { programs, licences } = tools;
  const own = await nodeFilesFor(vault, ports.addressFiles, manifest.cluster, recipients, signal);
  const { controls, bundleKey } = await signAll(
    ports,
    { addressTo, nodeFiles: own.given },
    { plan, manifest: stored, ...scripts, programs, licences },
    recipients,
    signal,
  );
  const files: BundleFiles = { cluster: manifest.cluster, id: manifest.id, time, controls, bundleKey };
  const planDigest = planFile(plan).digest;
  const custody = await record(
    ports,
    { files, plan, planDigest, subjects: [subjectOf(found), subjectOfPayload(placed ?? object)] },
    request,
  );
  return {
    plan,
    planDigest,
    time,
    controls,
    bundleKey,
    revisionAfter: bump.revisionAfter,
    custody,
    warnings: [
      ...found.passedOver.map(({ id, reason }) => `${manifest.cluster}/${id} was skipped: ${reason}`),
      ...(found.lacks.length === 0 ? [] : [`${manifest.cluster}/${manifest.id} is not good: ${plan.lacks.join("; ")}`]),
      ...(standing.warning === undefined ? [] : [standing.warning]),
      ...contentWarnings(manifest),
      ...restoreWarnings(manifest),
      ...certificateWarnings(manifest, members),
      ...own.warnings,
    ],
    programs: programs.map(({ name, version }) => ({ name, version })),
    isSealedAnew: placed === undefined,
    isWithoutFiles: own.isWithoutSome,
  };
}

/** Of a snapshot that has no identity of its own: read, sealed for the bundle alone, and taken by the output. */
async function sealAnew(
  { snapshots, progress }: MakeBundlePorts,
  manifest: Manifest,
  output: BundleOutput,
  signal: AbortSignal,
): Promise<{ readonly payload: StoredObject; readonly addressTo: AddressTo }> {
  const { cluster, id, stored, snapshot } = manifest;
  const copy = await snapshots.sealedCopy?.(manifest, stored, { bytes: snapshot.bytes, signal });
  const name = `${cluster}-${id}.age`;
  progress.phase("payload", snapshot.bytes);
  const taken = copy && (await output.takePayload?.(name, copy.bytes, signal, (bytes) => progress.advance(bytes)));
  if (copy === undefined || taken === undefined) throw noPlace(manifest);
  return { payload: { key: name, bytes: taken.bytes, sha256: taken.sha256 }, addressTo: (key) => copy.addressTo([key]) };
}

/** The snapshot's identity, encrypted to a recipient's key. */
type AddressTo = (key: string) => Promise<Uint8Array>;

/** For each recipient: the identity and the node's own files, encrypted to it, the tar around that, and its signature. */
async function signAll(
  { keys, progress }: MakeBundlePorts,
  { addressTo, nodeFiles }: { readonly addressTo: AddressTo; readonly nodeFiles: GivenFiles },
  content: BundleContent,
  recipients: readonly Recipient[],
  signal: AbortSignal,
): Promise<Pick<BundleFiles, "controls" | "bundleKey">> {
  const bundleKey = await keys.publicKey("bundle");
  const controls: SignedControl[] = [];
  progress.phase("bundle");
  for (const recipient of recipients) {
    const identity = await addressTo(recipient.key);
    signal.throwIfAborted();
    const own = nodeFiles.get(recipient.name);
    const tar = composeControlTar(content, recipient, identity, nextSteps(content.plan, recipient, own?.time), own);
    const { signature, publicKey } = await keys.sign("bundle", tar.pieces);
    if (publicKey.fingerprint !== bundleKey.fingerprint)
      throw new LifeboatError("keys/failed", `the bundle key in ${keys.location} was changed while it signed`, {
        hint: "run the command again",
      });
    controls.push({ ...tar, recipient, signature, nodeFiles: own?.time });
  }
  return { controls, bundleKey };
}

interface Recorded {
  readonly files: BundleFiles;
  readonly plan: Plan;
  readonly planDigest: string;
  readonly subjects: readonly { readonly key: string; readonly digest: string; readonly version?: string }[];
}

/** Tells the custody log who gets what, and then writes it. */
async function record(
  ports: MakeBundlePorts,
  { files, plan, planDigest, subjects }: Recorded,
  request: BundleRequest,
): Promise<CustodyReceipt> {
  const { output, reason, requestedBy, signal } = request;
  const custodian = new Custodian(ports, files.cluster, "bundle");
  try {
    ports.progress.phase("record");
    const receipt = await custodian.announce("bundle", subjects, {
      details: {
        ...(reason === undefined ? {} : { reason }),
        bundle: {
          time: files.time,
          published: output.published,
          expiresAt: plan.expiresAt.toISOString(),
          plan: planDigest,
          ...(requestedBy === undefined ? {} : { requestedBy }),
          recipients: files.controls.map(({ recipient: { name, key, enrolled }, digest, nodeFiles }) => ({
            name,
            key,
            enrolled,
            tar: digest,
            ...(nodeFiles === undefined ? {} : { nodeFiles }),
          })),
        },
      },
      signal,
    });
    ports.progress.phase("files");
    await output.write(files, plan.payload, signal, (bytes) => ports.progress.advance(bytes));
    custodian.settle();
    return receipt;
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, subjects);
    throw error;
  }
}

function subjectOfPayload({ key, sha256, version }: StoredObject): Recorded["subjects"][number] {
  return { key, digest: sha256, ...(version === undefined ? {} : { version }) };
}

/** What holds the data. */
function objectIn({ cluster, id, stored }: Manifest): SealedObject | KopiaObject {
  if (stored.kind === "sealed" || stored.kind === "kopia") return stored;
  throw new LifeboatError("ref/later", `${cluster}/${id} is stored in ${stored.kind}, of which no bundle can be made yet`, {
    hint: "use the version of lifeboat that made it, or a later one",
  });
}

/** Before anything is read. */
function requirePlace(manifest: Manifest, snapshots: SnapshotStore, output: BundleOutput): void {
  if (manifest.stored.kind === "kopia" && (output.takePayload === undefined || snapshots.sealedCopy === undefined)) throw noPlace(manifest);
}

function noPlace({ cluster, id }: Manifest): LifeboatError {
  return new LifeboatError(
    "config/invalid",
    `${cluster}/${id} is in a Kopia repository: a bundle has its data sealed beside it, in a folder, and cannot be published`,
    { hint: `lifeboat bundle ${cluster}/${id} --out FOLDER, and bring the folder to the nodes` },
  );
}

function requireMinor({ cluster, id, etcd }: Manifest): ToolsMinor {
  const minor = toolsMinorFor(etcd.source.version);
  if (minor !== undefined) return minor;
  throw new LifeboatError(
    "config/not-found",
    `${cluster}/${id} is of etcd ${etcd.source.version || "of an unknown version"}, and no etcdutl of that minor is carried`,
    {
      hint: `a newer lifeboat may carry it; lifeboat export ${cluster}/${id} --out snapshot.db writes the snapshot for an etcdutl of your own`,
    },
  );
}

/** A tree that is not whole cannot be restored by etcdutl, whatever else holds. */
function contentWarnings({ cluster, id, content }: Manifest): readonly string[] {
  return isWhole(content) ? [] : [`the pages of ${cluster}/${id} are not whole (${content.message}): etcdutl will most likely refuse it`];
}

function noBumpLeft({ cluster, id }: Manifest, highest: number): LifeboatError {
  return new LifeboatError(
    "verify/content",
    `${cluster} is said to have come to revision ${highest}: no restore of ${cluster}/${id} can begin above that`,
    {
      hint: "no etcd writes that much: find out who signed that manifest or lineage (lifeboat ls, lifeboat lineage ls)",
    },
  );
}
