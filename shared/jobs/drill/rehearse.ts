import type { Plan } from "../../bundle/plan.ts";
import type { Clock } from "../../clock.ts";
import { isWhole, liveKeysOf, revisionOf } from "../../documents/content.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { Recipient } from "../../bundle/plan.ts";
import type { BundleMember } from "../../bundle/members.ts";
import type { HashKv } from "../../etcd/etcd-source.ts";
import { LifeboatError } from "../../errors.ts";
import type { Workplace } from "../../host/workplace.ts";
import type { ObjectDecoder } from "../../kube/decoder.ts";
import type { Progress } from "../../progress.ts";
import { linesFor } from "../bundle/document.ts";
import type { ToldBundle } from "../bundle/make.ts";
import { entriesAt } from "../look/live-state.ts";
import { certificateOptions, MEMBER, prepareEtcd, RestoredEtcd, writeStarter } from "./restored-etcd.ts";
import type { ConnectTo, EtcdAddress } from "./restored-etcd.ts";
import { decodeSample, readKeys } from "./restored-keys.ts";
import type { DecodedSample, RestoredKeys } from "./restored-keys.ts";
import { BUNDLE, runScript, unpackBundle } from "./restore-script.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** A bundle of the snapshot for a key that is thrown away, whole and with its payload, in the folder `out`, which is not there yet. The desk makes it, by its own key. */
export type BundleMaker = (request: {
  readonly recipient: Recipient;
  readonly members: readonly BundleMember[];
  readonly out: string;
  readonly signal: AbortSignal;
}) => Promise<ToldBundle>;

export interface RehearsalPorts {
  readonly clock: Clock;
  readonly progress: Progress;
  readonly decoder: ObjectDecoder;
  readonly connectTo: ConnectTo;
  /** A fresh age key pair. */
  readonly newIdentity: () => Promise<{ readonly identity: string; readonly recipient: string }>;
}

/** What is known when it ends, however it does. */
export interface Findings {
  etcdVersion?: string;
  hashKv?: Pick<HashKv, "revision" | "compactRevision" | "hash">;
  keys?: number;
  sample?: DecodedSample;
  bumpedRevision?: number;
  payloadBytes?: number;
  readonly notCompared: string[];
}

export interface Rehearsal {
  readonly place: Workplace;
  readonly manifest: Manifest;
  readonly makeBundle: BundleMaker;
  readonly stopwatch: Stopwatch;
  readonly findings: Findings;
  readonly signal: AbortSignal;
}

const IDENTITY = "node.key";
/** Of a restored member: as it was taken, and as a node restores it. */
const [AS_IT_WAS, ROOT, DATA] = ["as-it-was", "root", "root/data"];
/** 8 MiB: etcd counts, for each page, all keys behind it, 1 us each. It has nothing else to do here. */
const PAGES = { bytes: 8 << 20, keys: 20_000 } as const;
/** 10 min: HashKV reads all keys. */
const HASH_MS = 600_000;

/**
 * Restores a snapshot by a bundle and its restore.sh, twice: as it was, where HashKV must be the one that was proven; and as a node does it, with the revision bumped, where keys and values must be the same. Throws what does not hold. Nothing is
 * cleaned up here: the place does that.
 */
export async function rehearse(ports: RehearsalPorts, rehearsal: Rehearsal): Promise<void> {
  const { place, manifest, stopwatch, findings, signal } = rehearsal;
  stopwatch.begin("bundle");
  const address = await prepareEtcd(place, signal);
  const told = await fetchBundle(ports, rehearsal, address);
  findings.payloadBytes = told.plan.payload.bytes;
  stopwatch.begin("unpack");
  await unpackBundle(place, linesFor(told, recipientOf(told.plan), { urls: undefined }), signal);
  const common = ["--dir", place.path(BUNDLE), "--work", place.folder, "--identity", place.path(IDENTITY)].concat([
    "--fingerprint",
    told.bundleKey.fingerprint,
    "--cluster",
    manifest.cluster,
  ]);
  const before = await asItWas(ports, rehearsal, address, common);
  const after = await asANodeDoes(ports, rehearsal, address, [...common, ...certificateOptions(place)], Number(told.revisionAfter));
  if (after.count !== before.count || after.digest !== before.digest)
    throw new LifeboatError(
      "verify/content",
      `restored with its revision bumped it has ${after.count} keys, and other ones than before: ${before.count}`,
      {
        hint: "report this: etcdutl changed more than the revision",
      },
    );
}

async function fetchBundle(
  { newIdentity }: RehearsalPorts,
  { place, makeBundle, signal }: Rehearsal,
  { peerUrl, clientUrl }: EtcdAddress,
): Promise<ToldBundle> {
  const { identity, recipient } = await newIdentity();
  await place.write(IDENTITY, `${identity}\n`);
  return makeBundle({
    recipient: { name: MEMBER, key: recipient, enrolled: false },
    members: [{ name: MEMBER, peerUrls: [peerUrl], clientUrls: [clientUrl], layout: "bare", dataDir: undefined, service: undefined }],
    out: place.path(BUNDLE),
    signal,
  });
}

function recipientOf({ recipients: [name = MEMBER] }: Plan): Recipient {
  return { name, key: "", enrolled: false };
}

async function asItWas(
  ports: RehearsalPorts,
  rehearsal: Rehearsal,
  address: EtcdAddress,
  common: readonly string[],
): Promise<RestoredKeys> {
  const { place, manifest, stopwatch, findings, signal } = rehearsal;
  stopwatch.begin("check");
  await place.makeFolder(AS_IT_WAS);
  await runScript(place, {
    words: ["rehearse", ...common, "--data-dir", place.path(AS_IT_WAS)],
    signal,
    onStep: (step) => (step === "decrypt" || step === "restore") && stopwatch.begin(step),
  });
  stopwatch.begin("start");
  const starter = await writeStarter(place, { ...address, name: AS_IT_WAS, dataDir: AS_IT_WAS, databaseBytes: manifest.snapshot.bytes });
  const { code, lines } = await place.run([starter], { signal });
  if (code !== 0)
    throw new LifeboatError("output/failed", `etcd was not started: ${lines.at(-1) ?? `exit code ${code}`}`, {
      hint: "name a folder that programs may run from with --work",
    });
  const etcd = await RestoredEtcd.connect(place, AS_IT_WAS, address, ports.connectTo);
  try {
    findings.etcdVersion = (await etcd.serving(ports.clock, signal)).version;
    stopwatch.begin("hash");
    await compareHash(etcd, rehearsal);
    stopwatch.begin("read", manifest.snapshot.bytes);
    // At the snapshot's own revision: leases run on, and keys with one may go meanwhile.
    const keys = await readKeys(
      entriesAt(etcd.source, { endpoint: etcd.endpoint, revision: revisionOf(manifest), pages: PAGES }, ports.progress, signal),
    );
    requireCount(manifest, keys, findings);
    stopwatch.begin("decode");
    const sample = await decodeSample(keys.sample, ports.decoder, ports.progress, signal);
    if (sample !== undefined) findings.sample = sample;
    stopwatch.begin("stop");
    await etcd.stop();
    await place.remove(AS_IT_WAS);
    return keys;
  } finally {
    // What still runs ends with the place.
    etcd.close();
  }
}

/** HashKV of the restored member against the scan's, which the proof of a proven snapshot is about. */
async function compareHash(etcd: RestoredEtcd, { manifest, findings, signal }: Rehearsal): Promise<void> {
  const expected = isWhole(manifest.content) ? manifest.content.hashKv : undefined;
  const answer = await etcd.source.hashKv(etcd.endpoint, expected?.revision ?? "latest", { timeoutMs: HASH_MS }, signal);
  findings.hashKv = { revision: answer.revision, compactRevision: answer.compactRevision, hash: answer.hash };
  if (expected === undefined) {
    findings.notCompared.push("the manifest has no HashKV to compare with");
    return;
  }
  if (answer.compactRevision !== expected.compactRevision) {
    findings.notCompared.push(
      `etcd answers HashKV for compact revision ${answer.compactRevision}, and the manifest has it for ${expected.compactRevision}`,
    );
    return;
  }
  if (answer.hash === expected.hash) return;
  throw new LifeboatError(
    "verify/content",
    `HashKV of what was restored is ${answer.hash} at revision ${answer.revision}; the manifest has ${expected.hash}`,
    {
      hint: "do not restore from it; use another snapshot or a replica, and find out what changed it",
    },
  );
}

function requireCount(manifest: Manifest, { count }: RestoredKeys, findings: Findings): void {
  findings.keys = count;
  const expected = liveKeysOf(manifest);
  if (expected === undefined) findings.notCompared.push("the manifest does not say how many keys there are");
  else if (expected !== count)
    throw new LifeboatError("verify/content", `what was restored has ${count} keys; the manifest has ${expected}`, {
      hint: "use another snapshot or a replica, and find out what changed it",
    });
}

async function asANodeDoes(
  ports: RehearsalPorts,
  { place, manifest, stopwatch, findings, signal }: Rehearsal,
  address: EtcdAddress,
  common: readonly string[],
  revision: number,
): Promise<RestoredKeys> {
  stopwatch.begin("apply");
  for (const folder of [ROOT, DATA]) await place.makeFolder(folder);
  const starter = await writeStarter(place, { ...address, name: "bumped", dataDir: DATA, databaseBytes: manifest.snapshot.bytes });
  await runScript(place, {
    words: [
      "apply",
      ...common,
      "--root",
      place.path(ROOT),
      "--layout",
      "bare",
      "--member",
      MEMBER,
      "--data-dir",
      "/data",
      "--start",
      starter,
    ],
    signal,
    onStep: (step) => stopwatch.begin(`apply: ${step}`),
  });
  const etcd = await RestoredEtcd.connect(place, "bumped", address, ports.connectTo);
  try {
    stopwatch.begin("compare", manifest.snapshot.bytes);
    await etcd.serving(ports.clock, signal);
    const keys = await readKeys(entriesAt(etcd.source, { endpoint: etcd.endpoint, revision, pages: PAGES }, ports.progress, signal));
    findings.bumpedRevision = revision;
    await etcd.stop();
    return keys;
  } finally {
    etcd.close();
  }
}
