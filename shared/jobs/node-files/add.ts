import { nodeFilesDataKey, nodeFilesKey } from "../../documents/layout.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { NodeFiles } from "../../documents/node-files.ts";
import type { Unsigned } from "../../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { Custodian } from "../../vault/custody/custodian.ts";
import { digestOfBlob } from "../../store/digest-of-blob.ts";
import { newestNodeFiles, readNodeFilesAt } from "../../vault/node-files/sets.ts";
import type { FoundNodeFiles } from "../../vault/node-files/sets.ts";
import { publish } from "../../vault/publish.ts";
import { TOOL } from "../../version.ts";
import type { IntakeIdentities } from "./identities.ts";
import type { NodeFilesPorts } from "./ports.ts";
import { changedMeanwhile, sameBytes, validateSet } from "./validate.ts";
import type { SetSource, ValidSet } from "./validate.ts";

export interface AddRequest {
  readonly cluster: string;
  readonly node: string;
  readonly source: SetSource;
  /** The object of the inbox that it is, where it is one. */
  readonly inbox?: NodeFiles["inbox"];
  readonly signal?: AbortSignal | undefined;
}

export interface Added {
  /** `already`: these very bytes were added before, and nothing was written. */
  readonly outcome: "added" | "already";
  readonly found: FoundNodeFiles;
  /** The newest set of the node before this one, where that is newer: bundles go on with it. */
  readonly newer: FoundNodeFiles | undefined;
  readonly custody: CustodyReceipt | undefined;
}

/**
 * Validates a set, stores it as it is, and publishes its document, signed by the audit key. Nothing of the set counts before that. Throws `verify/...` and `keys/no-match` for one that is refused: nothing was written then. What a run
 * left that ended in between is taken up by the next.
 */
export async function addSet(
  ports: NodeFilesPorts,
  identities: IntakeIdentities,
  { cluster, node, source, inbox, signal }: AddRequest,
): Promise<Added> {
  const valid = await validateSet(source, { cluster, node }, identities, ports.clock.now());
  const there = await readNodeFilesAt(ports, cluster, node, valid.id, signal);
  const { found: newest } = await newestNodeFiles(ports, cluster, node, { signal });
  const newer = newest !== undefined && Date.parse(newest.document.collectedAt) > valid.collectedAt.getTime() ? newest : undefined;
  if (there !== undefined) {
    if (there.document.data.digest !== valid.digest) throw taken(source.what, there.key);
    return { outcome: "already", found: there, newer, custody: undefined };
  }
  const data = await storeData(ports, source, valid, signal);
  const key = nodeFilesKey(cluster, node, valid.id);
  const about = [data];
  const custodian = new Custodian(ports, cluster, "audit");
  try {
    const published = await publish<"node-files", FoundNodeFiles>(ports, custodian, {
      kind: "node-files",
      place: key,
      event: "node-files",
      about,
      draft: (custody) => draft(valid, { data, addedAt: ports.clock.now(), inbox, custody }),
      onTaken: async () => {
        const other = await readNodeFilesAt(ports, cluster, node, valid.id, signal);
        const skip = { reason: "another run added this set at the same time", about };
        return other?.document.data.digest === valid.digest ? { ...skip, instead: other } : skip;
      },
      signal,
    });
    if (published.outcome === "taken") return { outcome: "already", found: published.instead, newer, custody: custodian.last };
    const { document, digest, custody } = published;
    return { outcome: "added", found: { key, digest, document }, newer, custody };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, about);
    throw error;
  }
}

type StoredData = Pick<NodeFiles["data"], "key" | "digest" | "bytes"> & { readonly version?: string };

/** The age file in its place: put, or found there as a run left it that did not come to publish. */
async function storeData(ports: NodeFilesPorts, source: SetSource, valid: ValidSet, signal: AbortSignal | undefined): Promise<StoredData> {
  const { cluster, node, id, digest, bytes } = valid;
  const key = nodeFilesDataKey(cluster, node, id);
  const named = (version: string | undefined): StoredData => ({ key, digest, bytes, ...(version === undefined ? {} : { version }) });
  try {
    return named((await ports.blobs.put(key, sameBytes(source, digest, changedMeanwhile(source)), { ifAbsent: true, signal })).version);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    const info = await ports.blobs.head(key, { signal });
    if (info === undefined) throw error;
    if (info.bytes !== bytes || (await digestOfBlob(ports.blobs, key, { version: info.version, signal })).digest !== digest)
      throw taken(source.what, key, error);
    return named(info.version);
  }
}

function taken(what: string, key: string, cause?: unknown): LifeboatError {
  return new LifeboatError("verify/digest", `${what} has the time of ${key}, and is not what stands there`, {
    hint: "collect again: two sets of a node have two times. If nobody collected twice in that second, find out who made the other",
    cause,
  });
}

function draft(
  { cluster, node, id, collectedAt, intake, tar, files, encryptionKeys }: ValidSet,
  stored: {
    readonly data: StoredData;
    readonly addedAt: Date;
    readonly inbox: NodeFiles["inbox"];
    readonly custody: CustodyReceipt;
  },
): Unsigned<"node-files"> {
  return {
    type: "node-files",
    formatVersion: FORMAT_VERSION,
    cluster,
    node,
    id,
    collectedAt: collectedAt.toISOString(),
    addedAt: stored.addedAt.toISOString(),
    intake,
    data: stored.data,
    tar,
    files: files.map(({ path, bytes, mode }) => ({ path, bytes, mode: `0${mode.toString(8).padStart(3, "0")}` })),
    encryptionKeys: encryptionKeys.map(({ kind, name }) => ({ kind, name })),
    ...(stored.inbox === undefined ? {} : { inbox: stored.inbox }),
    tool: TOOL,
    custody: stored.custody,
  };
}
