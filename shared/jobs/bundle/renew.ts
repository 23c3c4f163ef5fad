import { planOf } from "../../bundle/read-plan.ts";
import type { Plan } from "../../bundle/plan.ts";
import { revisionOf } from "../../documents/content.ts";
import { bundlesPrefix, isClusterName } from "../../documents/layout.ts";
import { sealedObjectsOf } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { PublicKey } from "../../keys/key-ring.ts";
import { parsePem } from "../../keys/public-key.ts";
import { readSmall } from "../../store/blob-store.ts";
import { readUntil } from "../../store/read-until.ts";
import { stateOfObject } from "../../store/stored-object.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { resolveJudged } from "../../vault/restore-ref.ts";
import type { ToRestore } from "../../vault/restore-ref.ts";
import type { Vault } from "../../vault/vault.ts";
import type { ToldBundle } from "./make.ts";
import { findPublished, lastPublished, publishedTimes, readPlan } from "./published.ts";
import type { FoundBundle, FoundControl, Snapshot } from "./published.ts";
import type { PublishedFile } from "./publish.ts";
import { signUrls } from "./urls.ts";
import type { BundleUrls } from "./urls.ts";

export interface RenewRequest {
  /** A snapshot; or a cluster, for the snapshot that a bundle was published of last. */
  readonly ref: string;
  /** Of the bundle; undefined for the newest that is whole. */
  readonly time: string | undefined;
  /** Names; none for all that it was made for. */
  readonly recipients: readonly string[];
  /** For how long the addresses are wanted. */
  readonly validMs: number;
  readonly signal: AbortSignal;
}

export interface RenewedBundle {
  readonly bundle: ToldBundle;
  readonly urls: BundleUrls;
}

/** 4 h: a restore that begins now is done by then. */
const SOON_MS = 4 * 3_600_000;
const MAX_KEY = 4096;

/**
 * New addresses for a bundle that was published. Nothing is written, and no key opens or signs anything: whoever may read these objects could sign the addresses without lifeboat. Throws `ref/not-found` where none is published,
 * `verify/...` where it is not as the custody log has it, `usage` for a recipient that it is not for, or a store that gives no addresses.
 */
export async function renewUrls(ports: JudgePorts, request: RenewRequest): Promise<RenewedBundle> {
  const { signal, validMs } = request;
  const { bundle, files } = await openPublished(ports, request);
  const blobs = readUntil(ports.blobs, signal);
  const until = new Date(ports.clock.now().getTime() + validMs);
  const urls = await signUrls(blobs, { files, payload: bundle.plan.payload, until, signal });
  if (urls === undefined)
    throw new LifeboatError("usage", `${blobs.location} gives no addresses that others could read from`, {
      hint: `copy the files of ${bundlesPrefix(bundle.plan.manifest.cluster, bundle.plan.manifest.id)}${bundle.time}/ and ${bundle.plan.payload.key} from there`,
    });
  return { bundle, urls };
}

export interface OpenedBundle {
  readonly bundle: ToldBundle;
  /** The key first, then each control tar and its signature, as they stand in the store. */
  readonly files: readonly PublishedFile[];
}

/** A published bundle, held against the custody log, its snapshot and the trusted key. Throws as `renewUrls` does. */
export async function openPublished(ports: JudgePorts, request: Omit<RenewRequest, "validMs">): Promise<OpenedBundle> {
  const { signal } = request;
  const vault = { ...ports, blobs: readUntil(ports.blobs, signal) };
  const judged = await resolveJudged(vault, await snapshotOf(vault, request.ref, signal));
  const { manifest, digest } = judged;
  const { found, passedOver } = await newestWhole(vault, manifest, request);
  const [object] = sealedObjectsOf(manifest.stored);
  if (object === undefined) throw new LifeboatError("verify/format", `no object holds the data of ${manifest.cluster}/${manifest.id}`);
  const about = { manifest, manifestDigest: digest, payload: object };
  const plan = planOf(await readPlan(vault.blobs, found, signal), about, `the plan of bundle ${found.time}`);
  await requirePayload(vault, plan);
  const controls = controlsFor(found, request.recipients);
  const bundleKey = await trustedKey(vault, found);
  return {
    bundle: {
      plan,
      planDigest: found.told.plan,
      time: found.time,
      controls: controls.map(({ told: { name, key, enrolled, tar, nodeFiles }, tar: { bytes } }) => ({
        recipient: { name, key, enrolled },
        bytes,
        digest: tar,
        nodeFiles,
      })),
      bundleKey,
      revisionAfter: BigInt(revisionOf(manifest)) + plan.bump,
      custody: found.custody,
      warnings: [...passedOver, ...goodWarnings(judged), ...expiryWarnings(plan, ports.clock.now())],
      programs: [],
      isSealedAnew: false,
      isWithoutFiles: false,
    },
    files: [found.key, ...controls.flatMap(({ tar, signature }) => [tar, signature])],
  };
}

/** A cluster's name stands for the bundle that was published last, of whichever snapshot: the newest good one may be of an hour later. */
async function snapshotOf({ blobs }: Vault, ref: string, signal: AbortSignal): Promise<string> {
  if (!isClusterName(ref)) return ref;
  const id = await lastPublished(blobs, ref, signal);
  if (id === undefined) throw nonePublished(`of ${ref}`, blobs.location, ref);
  return `${ref}/${id}`;
}

async function newestWhole(
  vault: Vault,
  { cluster, id }: Snapshot,
  { time, signal }: Pick<RenewRequest, "time" | "signal">,
): Promise<{ readonly found: FoundBundle; readonly passedOver: readonly string[] }> {
  const times = await publishedTimes(vault.blobs, { cluster, id }, signal);
  if (time !== undefined && !times.includes(time)) {
    const known = times.length === 0 ? "none is" : `there are ${times.join(", ")}`;
    throw new LifeboatError("ref/not-found", `no bundle ${time} of ${cluster}/${id} is published in ${vault.blobs.location}`, {
      hint: `${known}; lifeboat bundle ${cluster}/${id} --publish makes one`,
    });
  }
  if (time !== undefined) return { found: await findPublished(vault, { cluster, id }, time, signal), passedOver: [] };
  const passedOver: string[] = [];
  for (const each of times) {
    try {
      return { found: await findPublished(vault, { cluster, id }, each, signal), passedOver };
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      passedOver.push(`bundle ${each} was passed over: ${error.message}`);
    }
  }
  throw nonePublished(`of ${cluster}/${id}`, vault.blobs.location, `${cluster}/${id}`, passedOver);
}

function nonePublished(what: string, location: string, ref: string, passedOver: readonly string[] = []): LifeboatError {
  const why = passedOver.length === 0 ? "" : ` that is whole (${passedOver.join("; ")})`;
  return new LifeboatError("ref/not-found", `no bundle ${what}${why} is published in ${location}`, {
    hint: `lifeboat bundle ${ref} --publish makes one`,
  });
}

function controlsFor({ controls, time }: FoundBundle, names: readonly string[]): readonly FoundControl[] {
  const known = controls.map(({ told }) => told.name);
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw new LifeboatError("usage", `bundle ${time} was not made for ${stranger}`, {
      hint: `it is for ${known.join(", ")}; make one with --recipient ${stranger}`,
    });
  return names.length === 0 ? controls : controls.filter(({ told }) => names.includes(told.name));
}

async function trustedKey({ blobs, trusted }: Vault, { key: { key, version } }: FoundBundle): Promise<PublicKey> {
  const name = `${key} in ${blobs.location}`;
  const pem = await readSmall(blobs, key, MAX_KEY, undefined, version);
  const found = parsePem(Buffer.from(pem).toString("latin1"), name);
  if (trusted.bundle.includes(found.fingerprint)) return found;
  throw new LifeboatError("verify/untrusted", `${name} is ${found.fingerprint}, which trustedKeys.bundle does not list`, {
    hint: "make the bundle again by a key that is trusted, and find out who put this one there",
  });
}

/** The version that the plan names: another may stand under the key. */
async function requirePayload({ blobs }: Vault, { payload }: Plan): Promise<void> {
  const { state } = await stateOfObject(blobs, payload);
  if (state === "present") return;
  throw new LifeboatError("verify/missing", `${payload.key}, the data of that bundle, is ${state} in ${blobs.location}`, {
    hint: "take another snapshot, or a replica: lifeboat bundle REF --publish --from REPLICA",
  });
}

function goodWarnings({ manifest: { cluster, id }, lacks }: ToRestore): readonly string[] {
  return lacks.length === 0 ? [] : [`${cluster}/${id} is not good: ${lacks.map(({ reason }) => reason).join("; ")}`];
}

function expiryWarnings({ manifest: { cluster, id }, expiresAt }: Plan, now: Date): readonly string[] {
  const left = expiresAt.getTime() - now.getTime();
  if (left > SOON_MS) return [];
  const what =
    left <= 0
      ? `the plan expired at ${expiresAt.toISOString()}: restore.sh applies it no more`
      : `the plan expires at ${expiresAt.toISOString()}`;
  return [`${what}; lifeboat bundle ${cluster}/${id} --publish makes another`];
}
