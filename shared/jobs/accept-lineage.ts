import type { CustodyPorts } from "../vault/custody/append.ts";
import { Custodian } from "../vault/custody/custodian.ts";
import { LifeboatError } from "../errors.ts";
import { acceptanceKey, LAST_ACCEPTANCE } from "../documents/layout.ts";
import { needsAcceptance } from "../documents/lineages.ts";
import type { KnownLineage } from "../documents/lineages.ts";
import { publish } from "../vault/publish.ts";
import { FORMAT_VERSION } from "../documents/parts.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import type { Progress } from "../progress.ts";
import { TOOL } from "../version.ts";
import { requireReason } from "./reason.ts";
import { lineageOf, readLineages } from "../vault/lineage/lineages.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";

export interface AcceptPorts extends CustodyPorts {
  readonly progress: Progress;
}

export interface AcceptRequest {
  readonly cluster: string;
  readonly number: number;
  /** In the person's words. */
  readonly reason: string;
  readonly signal?: AbortSignal;
}

export interface Accepted {
  /** `not-needed`: it is the cluster's first. */
  readonly outcome: "accepted" | "already" | "not-needed";
  readonly lineage: KnownLineage;
  /** Where the acceptance stands; undefined where none was needed, or it is from before. */
  readonly key: string | undefined;
  readonly custody: CustodyReceipt | undefined;
}

/**
 * Says, by the audit key, that a lineage is what it should be: the custody log is told, and then a signed document is put, once. Backups of the cluster end with exit code 0 again. Throws `ref/not-found` where
 * no such lineage is believed.
 */
export async function acceptLineage(ports: AcceptPorts, { cluster, number, reason, signal }: AcceptRequest): Promise<Accepted> {
  const text = requireReason(reason);
  const lineages = await readLineages(ports, cluster, signal);
  const known = lineageOf(lineages, number);
  if (known === undefined) {
    const numbers = lineages.links.map(({ lineage }) => lineage.number);
    throw new LifeboatError("ref/not-found", `lineage ${number} of ${cluster} not found in ${ports.blobs.location}`, {
      hint:
        numbers.length === 0
          ? "lifeboat ls shows which clusters there are"
          : `there is ${numbers.join(", ")}; lifeboat lineage ls ${cluster} shows more`,
    });
  }
  if (known.acceptance !== undefined) return { outcome: "already", lineage: known, key: undefined, custody: undefined };
  if (!needsAcceptance(known)) return { outcome: "not-needed", lineage: known, key: undefined, custody: undefined };
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const custodian = new Custodian(ports, cluster, "audit");
  try {
    return await put(ports, custodian, known, { cluster, number, reason: text, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, [{ key: known.key, digest: known.digest }]);
    throw error;
  }
}

async function put(
  ports: AcceptPorts,
  custodian: Custodian,
  known: KnownLineage,
  { cluster, number, reason, signal }: AcceptRequest,
): Promise<Accepted> {
  const subject = { key: known.key, digest: known.digest };
  const published = await publish<"acceptance", KnownLineage>(ports, custodian, {
    kind: "acceptance",
    place: { keyOf: (ordinal) => acceptanceKey(cluster, number, ordinal), first: 1, last: LAST_ACCEPTANCE },
    event: "lineage-accepted",
    about: [subject],
    details: { reason },
    draft: (custody) => ({
      type: "acceptance",
      formatVersion: FORMAT_VERSION,
      cluster,
      number,
      lineageDigest: known.digest,
      clusterId: known.lineage.clusterId,
      acceptedAt: ports.clock.now().toISOString(),
      reason,
      tool: TOOL,
      custody,
    }),
    onTaken: async () => {
      const now = lineageOf(await readLineages(ports, cluster, signal), number);
      const skip = { reason: "another acceptance was put first", about: [subject] };
      return now?.acceptance === undefined ? skip : { ...skip, instead: now };
    },
    signal,
  });
  if (published.outcome === "taken") return { outcome: "already", lineage: published.instead, key: undefined, custody: custodian.last };
  const { document, key, custody } = published;
  return { outcome: "accepted", lineage: { ...known, acceptance: document }, key, custody };
}
