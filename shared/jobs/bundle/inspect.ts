import { createHash } from "node:crypto";
import { inspectControl } from "../../bundle/inspect-control.ts";
import type { BundleFault, ControlContent } from "../../bundle/inspect-control.ts";
import { payloadFile } from "../../bundle/plan.ts";
import { MAX_TAR_BYTES } from "../../bundle/tar.ts";
import type { Clock } from "../../clock.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { identityInText } from "../../keys/identity-text.ts";
import type { PublicKey } from "../../keys/key-ring.ts";
import type { Progress } from "../../progress.ts";

/** A folder that holds a bundle. Names are those of files in it. */
export interface BundleFolder {
  /** For people. */
  readonly location: string;
  names(): Promise<readonly string[]>;
  /** A whole file. Throws `verify/missing`, `verify/size` where it is larger than `maxBytes`, `input/unusable`. */
  read(name: string, maxBytes: number): Promise<Uint8Array>;
  stream(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Opens an age file by the identities of a recipient; `keys/no-match` where it is for another. */
export interface IdentityOpener {
  readonly recipients: readonly string[];
  open(file: Uint8Array): Promise<string>;
  recipientOf(identity: string): Promise<string>;
}

export interface InspectPorts {
  readonly folder: BundleFolder;
  readonly clock: Clock;
  readonly progress: Progress;
  /** The public key in `bundle.pub`, from its PEM. Throws `verify/format`. */
  parseKey(pem: Uint8Array): PublicKey;
}

export interface InspectRequest {
  /** What the configuration trusts; undefined where there is none. */
  readonly trusted: TrustedKeys | undefined;
  /** Of the bundle key, as a person typed it: then no other is believed. */
  readonly fingerprint: string | undefined;
  /** The clusters of the configuration; undefined where there is none. */
  readonly clusters: readonly string[] | undefined;
  /** To open `identity.age` with; undefined where it is only looked at. */
  readonly identity: IdentityOpener | undefined;
  readonly signal: AbortSignal;
}

export interface InspectedFile {
  readonly file: string;
  readonly recipient: string | undefined;
  readonly faults: readonly BundleFault[];
  readonly content: ControlContent | undefined;
}

export interface Inspection {
  readonly bundleKey: string;
  readonly controls: readonly InspectedFile[];
  readonly payload: {
    readonly file: string | undefined;
    readonly state: "whole" | "missing" | "damaged" | "unknown";
    readonly message: string | undefined;
  };
  /** What does not hold: a bundle with any is not to be used. One sentence each. */
  readonly faults: readonly string[];
  /** What holds and needs a person: it is expired, or its payload is elsewhere. */
  readonly findings: readonly string[];
  /** What is worth knowing. */
  readonly notes: readonly string[];
}

const [TAR, SIGNATURE] = [".tar", ".tar.sig"];
export const KEY_FILE = "bundle.pub";
/** A DER signature on P-256 has at most 72. */
const MAX_SIGNATURE = 256;
const MAX_KEY = 4096;

/**
 * Checks a bundle in a folder, without a network: every byte of each control tar under its signature, and what is in it against one another, and every byte of the payload under its digest. Throws where there is no bundle, or its key is
 * not trusted; everything else is in the result.
 */
export async function inspectBundle(ports: InspectPorts, request: InspectRequest): Promise<Inspection> {
  const { folder } = ports;
  const names = await folder.names();
  const tars = names.filter((name) => name.endsWith(TAR)).toSorted();
  if (tars.length === 0)
    throw new LifeboatError("input/not-found", `there is no control tar (NAME.tar) in ${folder.location}`, {
      hint: "name the folder that lifeboat bundle --out wrote, or one with NAME.tar, NAME.tar.sig, bundle.pub and the payload",
    });
  const key = requireTrusted(ports.parseKey(await folder.read(KEY_FILE, MAX_KEY)), request, folder);
  const controls: InspectedFile[] = [];
  for (const tar of tars) controls.push(await inspectOne(ports, request, key, tar));
  const faults = controls.flatMap((each) => each.faults.map(({ message }) => message));
  const orphans = names.filter((name) => name.endsWith(SIGNATURE) && !tars.includes(name.slice(0, -".sig".length)));
  faults.push(...orphans.map((name) => `${name} is there without its tar`));
  const contents = controls.flatMap(({ content }) => (content === undefined ? [] : [content]));
  if (new Set(contents.map(({ planDigest }) => planDigest)).size > 1)
    faults.push("the control tars are of different plans: members restored by them would not be one cluster");
  const payload = await inspectPayload(ports, contents[0], names, request.signal);
  if (payload.state === "damaged" && payload.message !== undefined) faults.push(payload.message);
  return {
    bundleKey: key.fingerprint,
    controls,
    payload,
    faults,
    findings: [
      ...expiry(ports.clock.now(), contents[0]),
      ...(payload.state === "missing" && payload.message !== undefined ? [payload.message] : []),
    ],
    notes: notesOn(contents[0], controls, request),
  };
}

function requireTrusted(key: PublicKey, { trusted, fingerprint }: InspectRequest, folder: BundleFolder): PublicKey {
  const believed = fingerprint === undefined ? (trusted?.bundle ?? []) : [fingerprint];
  if (believed.length === 0)
    throw new LifeboatError("usage", "nothing says which bundle key to trust", {
      hint: "give the fingerprint that you were told with --fingerprint sha256:..., or a configuration whose trustedKeys.bundle lists it",
    });
  if (believed.includes(key.fingerprint)) return key;
  throw new LifeboatError(
    "verify/untrusted",
    `${KEY_FILE} in ${folder.location} is ${key.fingerprint}, which is not the bundle key that is trusted`,
    {
      hint: "do not unpack anything: ask whoever made the bundle for the fingerprint, by another way than the one that the files came by",
    },
  );
}

async function inspectOne(ports: InspectPorts, request: InspectRequest, key: PublicKey, file: string): Promise<InspectedFile> {
  try {
    const tar = await ports.folder.read(file, MAX_TAR_BYTES);
    const signature = await ports.folder.read(`${file}.sig`, MAX_SIGNATURE);
    const { faults, content } = inspectControl({ name: file, tar, signature }, key, request.trusted);
    const recipient = content?.recipient.get("RECIPIENT");
    const more =
      content === undefined
        ? []
        : [...nameFaults(file, recipient), ...clusterFaults(file, content, request), ...(await identityFaults(file, content, request))];
    return { file, recipient, faults: [...faults, ...more], content };
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return { file, recipient: undefined, faults: [{ code: "signature", message: error.message }], content: undefined };
  }
}

function nameFaults(file: string, recipient: string | undefined): readonly BundleFault[] {
  return file === `${recipient}${TAR}` ? [] : [{ code: "plan", message: `${file} is the control tar of ${recipient ?? "nobody"}` }];
}

function clusterFaults(file: string, { plan }: ControlContent, { clusters }: InspectRequest): readonly BundleFault[] {
  const cluster = plan.get("CLUSTER") ?? "";
  if (clusters === undefined || clusters.includes(cluster)) return [];
  return [{ code: "cluster", message: `${file} is of the cluster ${cluster}, which the configuration does not have` }];
}

/** Whether the identity in it is for the recipient, and of this snapshot: only the recipient itself can tell. */
async function identityFaults(
  file: string,
  { identity, manifest, recipient, nodeFiles }: ControlContent,
  request: InspectRequest,
): Promise<readonly BundleFault[]> {
  const { identity: opener } = request;
  if (opener === undefined || manifest === undefined) return [];
  const fault = (message: string): readonly BundleFault[] => [{ code: "plan", message }];
  // A folder may hold those of others, which this identity does not open.
  if (!opener.recipients.includes(recipient.get("RECIPIENT_KEY") ?? "")) return [];
  try {
    const context = { cluster: manifest.cluster, snapshot: manifest.id };
    if (nodeFiles !== undefined) await opener.open(nodeFiles.bytes);
    const found = identityInText(await opener.open(identity), context);
    // A copy that was sealed for the bundle is for an identity that nothing else names.
    if (manifest.stored.kind === "kopia") return [];
    const expected = manifest.stored.kind === "sealed" ? manifest.stored.encryption.recipient : undefined;
    return (await opener.recipientOf(found)) === expected ? [] : fault(`the identity in ${file} is that of another snapshot`);
  } catch (error) {
    if (!isLifeboatError(error, "keys/", "verify/")) throw error;
    return fault(`what is in ${file} does not open for its recipient, or is of another snapshot: ${error.message}`);
  }
}

async function inspectPayload(
  { folder, progress }: InspectPorts,
  content: ControlContent | undefined,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Inspection["payload"]> {
  const object = content?.payload;
  if (object === undefined) return { file: undefined, state: "unknown", message: undefined };
  const file = payloadFile(object);
  if (!names.includes(file))
    return { file, state: "missing", message: `the payload ${file} is not in ${folder.location}: fetch it there, and inspect again` };
  progress.phase("payload", object.bytes);
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of folder.stream(file, signal)) {
    hash.update(chunk);
    bytes += chunk.length;
    progress.advance(chunk.length);
    if (bytes > object.bytes) break;
  }
  if (bytes === object.bytes && `sha256:${hash.digest("hex")}` === object.sha256) return { file, state: "whole", message: undefined };
  const why = bytes === object.bytes ? "has another SHA-256" : `has ${bytes > object.bytes ? "more" : "fewer"} bytes`;
  return { file, state: "damaged", message: `the payload ${file} ${why} than the plan says: fetch it again, or take another copy` };
}

function expiry(now: Date, content: ControlContent | undefined): readonly string[] {
  const seconds = Number(content?.plan.get("EXPIRES_EPOCH") ?? Number.NaN);
  if (Number.isNaN(seconds) || now.getTime() < seconds * 1000) return [];
  return [`the plan expired at ${new Date(seconds * 1000).toISOString()}: restore.sh applies it no more; make the bundle again`];
}

function notesOn(
  content: ControlContent | undefined,
  controls: readonly InspectedFile[],
  { trusted, identity }: InspectRequest,
): readonly string[] {
  if (content === undefined) return [];
  const here = new Set(controls.map(({ recipient }) => recipient));
  const elsewhere = (content.plan.get("RECIPIENTS") ?? "").split(" ").filter((name) => !here.has(name));
  const opened =
    identity !== undefined && controls.some((each) => identity.recipients.includes(each.content?.recipient.get("RECIPIENT_KEY") ?? ""));
  const own = controls.flatMap(({ file, content: each }) =>
    each?.nodeFiles === undefined ? [] : [`${file} has the node's own files, collected ${each.nodeFiles.time}`],
  );
  return [
    ...own,
    ...(content.plan.get("GOOD") === "yes"
      ? []
      : [`the snapshot was not good when the bundle was made: ${content.plan.get("LACKS") ?? ""}`]),
    ...(elsewhere.length === 0 ? [] : [`the same plan was made for ${elsewhere.join(", ")}, whose control tars are not here`]),
    ...(trusted === undefined ? ["no configuration was read: who signed the manifest was not checked again"] : []),
    ...(opened ? [] : ["the identity inside was not opened: only its recipient can (--identity FILE)"]),
  ];
}
