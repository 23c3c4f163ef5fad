import { digestOf, openDocument } from "../documents/signed-document.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";
import type { Manifest } from "../documents/manifest.ts";
import { sealedObjectsOf } from "../documents/stored.ts";
import type { StoredObject } from "../documents/stored.ts";
import { isLifeboatError } from "../errors.ts";
import { verifySignature } from "../keys/public-key.ts";
import type { PublicKey } from "../keys/key-ring.ts";
import { ENTRY, filesOf, NODE_FILES } from "./control-tar.ts";
import { parseKeyValues } from "./key-values.ts";
import { MEMBER_NAME, MEMBER_URL } from "./members.ts";
import { manifestValues, PLAN_FORMAT } from "./plan.ts";
import { readTar } from "./tar.ts";

/** A fault of a control tar. */
export interface BundleFault {
  readonly code: "signature" | "tar" | "plan" | "manifest" | "cluster";
  /** A sentence, lower case, no full stop. */
  readonly message: string;
}

export interface InspectedControl {
  readonly faults: readonly BundleFault[];
  /** Undefined as long as the signature or the tar does not hold: nothing in it is believed then. */
  readonly content: ControlContent | undefined;
}

export interface ControlContent {
  readonly plan: ReadonlyMap<string, string>;
  readonly planDigest: string;
  readonly recipient: ReadonlyMap<string, string>;
  /** Undefined where it does not hold. */
  readonly manifest: Manifest | undefined;
  readonly payload: StoredObject | undefined;
  readonly identity: Uint8Array;
  /** The node's own files, an age file; undefined where none are in it. */
  readonly nodeFiles: { readonly time: string; readonly bytes: Uint8Array } | undefined;
}

export interface ControlFile {
  /** For messages. */
  readonly name: string;
  readonly tar: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Holds one control tar against its signature by `key`, which the caller trusts, and then all that is in it against one another. `trusted` are the keys whose manifests are believed; undefined where no configuration says so: the
 * manifest is then held against its own key alone. Never throws for what is in the tar.
 */
export function inspectControl({ name, tar, signature }: ControlFile, key: PublicKey, trusted: TrustedKeys | undefined): InspectedControl {
  if (!verifySignature(key, tar, signature))
    return {
      faults: [{ code: "signature", message: `the signature of ${name} is not by ${key.fingerprint} over these bytes: do not unpack it` }],
      content: undefined,
    };
  const faults: BundleFault[] = [];
  const attempt = <T>(code: BundleFault["code"], action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      if (!isLifeboatError(error)) throw error;
      faults.push({ code, message: error.message });
      return undefined;
    }
  };
  const files = attempt("tar", () => filesOf(readTar(tar, name).entries, name));
  if (files === undefined) return { faults, content: undefined };
  const file = (entry: string): Uint8Array => files.get(entry) ?? new Uint8Array();
  const plan = attempt("plan", () => parseKeyValues(file(ENTRY.plan), `${ENTRY.plan} in ${name}`)) ?? new Map<string, string>();
  const recipient =
    attempt("plan", () => parseKeyValues(file(ENTRY.recipient), `${ENTRY.recipient} in ${name}`)) ?? new Map<string, string>();
  const planDigest = digestOf(file(ENTRY.plan));
  const nodeFiles = { time: recipient.get("NODE_FILES") ?? "", bytes: files.get(NODE_FILES) };
  if ((nodeFiles.bytes === undefined) !== (nodeFiles.time === ""))
    faults.push({ code: "plan", message: `${NODE_FILES} and NODE_FILES in ${name} do not go together` });
  if (faults.length === 0) faults.push(...planFaults(name, plan, recipient, planDigest));
  const manifest = attempt("manifest", () => openManifest(file(ENTRY.manifest), trusted, `${ENTRY.manifest} in ${name}`));
  const payload = manifest === undefined ? undefined : payloadOf(manifest, plan);
  if (manifest !== undefined && plan.size > 0) {
    if (payload === undefined)
      faults.push({ code: "manifest", message: `the manifest in ${name} and the plan name no object that holds its data` });
    else faults.push(...differences(name, plan, { manifest, manifestDigest: digestOf(file(ENTRY.manifest)), payload }));
  }
  const own = nodeFiles.bytes === undefined ? undefined : { time: nodeFiles.time, bytes: nodeFiles.bytes };
  return { faults, content: { plan, planDigest, recipient, manifest, payload, identity: file(ENTRY.identity), nodeFiles: own } };
}

/** Of a snapshot in a Kopia repository the plan alone says what was sealed for the bundle. */
function payloadOf({ stored }: Manifest, plan: ReadonlyMap<string, string>): StoredObject | undefined {
  if (stored.kind !== "kopia") return sealedObjectsOf(stored)[0];
  const [key = "", bytes = "", sha256 = ""] = ["PAYLOAD_KEY", "PAYLOAD_BYTES", "PAYLOAD_SHA256"].map((name) => plan.get(name));
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(key) || !/^[1-9]\d{0,15}$/.test(bytes) || !/^[0-9a-f]{64}$/.test(sha256))
    return undefined;
  return { key, bytes: Number(bytes), sha256: `sha256:${sha256}` };
}

function openManifest(bytes: Uint8Array, trusted: TrustedKeys | undefined, name: string): Manifest {
  if (trusted !== undefined) return openDocument("snapshot", bytes, trusted, name);
  // The signature has to hold all the same. Whose it is was the desk's to judge, and the tar is signed by it.
  const claimed = openDocument("snapshot", bytes, { snapshot: [signerIn(bytes)], audit: [], bundle: [] }, name);
  return claimed;
}

/** The fingerprint that a document names; empty where it names none. */
function signerIn(bytes: Uint8Array): string {
  try {
    const envelope = JSON.parse(Buffer.from(bytes).toString("utf8")) as { signatures?: readonly { keyid?: unknown }[] };
    const keyId = envelope.signatures?.[0]?.keyid;
    return typeof keyId === "string" ? keyId : "";
  } catch {
    return "";
  }
}

/** What the plan says that does not follow from the manifest. */
function differences(name: string, plan: ReadonlyMap<string, string>, of: Parameters<typeof manifestValues>[0]): readonly BundleFault[] {
  const wrong = manifestValues(of).filter(([key, value]) => plan.get(key) !== value);
  return wrong.map(([key]) => ({
    code: key === "CLUSTER" ? "cluster" : "plan",
    message: `the plan in ${name} has ${key}=${plan.get(key) ?? ""}, and the manifest in it says otherwise`,
  }));
}

const COUNT = /^[1-9]\d{0,2}$/;

/** Whether the plan is one, apart from what the manifest decides. */
function planFaults(
  name: string,
  plan: ReadonlyMap<string, string>,
  recipient: ReadonlyMap<string, string>,
  planDigest: string,
): readonly BundleFault[] {
  const faults: BundleFault[] = [];
  const demand = (holds: boolean, message: string): void =>
    void (holds ? undefined : faults.push({ code: "plan", message: `${message} in ${name}` }));
  const of = (key: string): string => plan.get(key) ?? "";
  demand(
    of("FORMAT") === PLAN_FORMAT && recipient.get("FORMAT") === PLAN_FORMAT,
    `this lifeboat reads plans of format ${PLAN_FORMAT}, and there is another`,
  );
  demand(`sha256:${recipient.get("PLAN_SHA256") ?? ""}` === planDigest, "the recipient's file is of another plan than the one");
  demand(
    of("RECIPIENTS")
      .split(" ")
      .includes(recipient.get("RECIPIENT") ?? ""),
    "the plan is not for the recipient",
  );
  const [revision, bump, after] = ["REVISION", "BUMP_REVISION", "REVISION_AFTER"].map((key) =>
    /^\d{1,19}$/.test(of(key)) ? BigInt(of(key)) : undefined,
  );
  demand(
    revision !== undefined && bump !== undefined && bump >= 1_000_000_000n && after === revision + bump,
    "the revisions do not add up in the plan",
  );
  demand(/^lifeboat-[a-z0-9._-]+-[0-9A-Z-]+-[0-9a-f]{16}$/i.test(of("TOKEN")), "there is no cluster token in the plan");
  const count = COUNT.test(of("MEMBERS")) ? Number(of("MEMBERS")) : 0;
  const members = Array.from({ length: count }, (_, index) => `MEMBER_${index + 1}`);
  demand(count > 0, "there are no members in the plan");
  const pairs = members.flatMap((member) =>
    of(`${member}_PEER_URLS`)
      .split(",")
      .map((url) => `${of(`${member}_NAME`)}=${url}`),
  );
  demand(of("INITIAL_CLUSTER") === pairs.join(","), "INITIAL_CLUSTER is not made of the members in the plan");
  for (const member of members) {
    demand(MEMBER_NAME.test(of(`${member}_NAME`)), `${member} has no name in the plan`);
    const urls = [
      ...of(`${member}_PEER_URLS`).split(","),
      ...of(`${member}_CLIENT_URLS`)
        .split(",")
        .filter((url) => url !== ""),
    ];
    demand(
      urls.every((url) => MEMBER_URL.test(url)),
      `${member} has URLs that are none in the plan`,
    );
  }
  return faults;
}
