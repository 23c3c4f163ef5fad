import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { KeyRing, Purpose } from "../../keys/key-ring.ts";
import { custodyKey } from "../../documents/layout.ts";
import { putDocument } from "../put-document.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyEvent, CustodyRecord } from "../../documents/custody-record.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { openDocument, signAs } from "../../documents/signed-document.ts";
import type { StoredDocument, TrustedKeys } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { TOOL } from "../../version.ts";
import { mayRecord } from "./events.ts";
import { findHead } from "./head.ts";
import { describeChange, readRecordBefore } from "./record-before.ts";
import type { RecordBefore } from "./record-before.ts";

/** Who runs this, as the log names them: `user@host`, or an ARN. Asked only when there is something to tell. */
export type Actor = () => Promise<string>;

export interface CustodyPorts {
  readonly blobs: BlobStore;
  readonly keys: KeyRing;
  readonly trusted: TrustedKeys;
  readonly clock: Clock;
  readonly actor: Actor;
  /** Digests of the sections of the configuration that a change of is told. */
  readonly configuration: (cluster: string) => Readonly<Record<string, string>>;
}

export type Subjects = readonly { readonly key: string; readonly digest?: string; readonly version?: string; readonly bytes?: number }[];

export interface CustodyDraft {
  readonly event: CustodyEvent;
  readonly subjects: Subjects;
  readonly details?: Readonly<CustodyRecord["details"]>;
}

export interface AppendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with what is about to be written, each time that it is tried: if it fails, that may be there all the same. */
  readonly onAttempt?: (receipt: CustodyReceipt) => void;
}

/** Of a hundred writers at once the last one gets its turn at the hundredth try. */
const ATTEMPTS = 100;

/**
 * Appends a record to a cluster's custody log, signed with the key of `purpose`, behind whatever stands last there, which is named by its bytes and not judged: a log that was
 * tampered with goes on, and `lifeboat custody --verify` tells where. Whoever else writes at the same time comes before or after it. The record is durable when the promise resolves. Throws `busy`
 * where others are always faster, `verify/untrusted` where readers would not believe it, and the errors of the store and of the keys. Where the configuration is another than the
 * record before had, a record of that goes first.
 */
export async function appendRecord(
  ports: CustodyPorts,
  cluster: string,
  purpose: Purpose,
  draft: CustodyDraft,
  options: AppendOptions = {},
): Promise<CustodyReceipt> {
  if (!mayRecord(purpose, draft.event)) throw new Error(`a record of ${draft.event} is not signed by the ${purpose} key`);
  const actor = await ports.actor();
  let last = 0;
  let cause: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    last = await findHead(ports.blobs, cluster, { from: last, signal: options.signal });
    const before = last === 0 ? undefined : await readRecordBefore(ports.blobs, cluster, last, options.signal);
    const change = describeChange(before?.configuration ?? {}, ports.configuration(cluster));
    if (change !== undefined && draft.event !== "configuration-changed") {
      const record = { event: "configuration-changed", subjects: [], details: { reason: change } } as const;
      last = (await appendRecord(ports, cluster, purpose, record, { signal: options.signal })).sequence;
      continue;
    }
    const sequence = last + 1;
    const document = await signRecord(ports, cluster, purpose, draft, { sequence, actor, before });
    const receipt = { sequence, digest: document.digest };
    options.onAttempt?.(receipt);
    try {
      await putDocument(ports.blobs, custodyKey(cluster, sequence), document, options.signal);
      return receipt;
    } catch (error) {
      if (!isLifeboatError(error, "store/exists")) throw error;
      cause = error;
      last = sequence;
    }
  }
  throw new LifeboatError("busy", `other runs wrote to the custody log of ${cluster} at each of ${ATTEMPTS} attempts to append a record`, {
    hint: "run the command again when fewer runs are active",
    cause,
  });
}

async function signRecord(
  { keys, trusted, clock, configuration }: CustodyPorts,
  cluster: string,
  purpose: Purpose,
  { event, subjects, details = {} }: CustodyDraft,
  { sequence, actor, before }: { readonly sequence: number; readonly actor: string; readonly before: RecordBefore | undefined },
): Promise<StoredDocument> {
  const document = await signAs(keys, purpose, "custody", {
    type: "custody",
    formatVersion: FORMAT_VERSION,
    cluster,
    sequence,
    ...(before === undefined ? {} : { previous: before.digest }),
    ...(before?.bytes === undefined ? {} : { previousBytes: before.bytes }),
    time: clock.now().toISOString(),
    actor,
    event,
    subjects: [...subjects],
    // What this run does not know of, such as a cluster that its configuration does not have, goes on as it was.
    configuration: { ...before?.configuration, ...configuration(cluster) },
    details,
    tool: TOOL,
  });
  // As any reader will: a record that nobody believes would only look like a forged one.
  openDocument("custody", document.bytes, trusted, custodyKey(cluster, sequence));
  return document;
}
