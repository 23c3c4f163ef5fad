import { announcedBy, mayRecord } from "../custody/events.ts";
import { isLifeboatError } from "../../errors.ts";
import { custodyKey, lineagePrefix } from "../../documents/layout.ts";
import type { FoundLineage } from "../../documents/lineages.ts";
import { digestOf, MAX_DOCUMENT_BYTES, openDocument } from "../../documents/signed-document.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { Vault } from "../vault.ts";
import { openFaults, readLineages } from "./lineages.ts";

/** What a verifier found about the lineages of a cluster. */
export interface LineageFinding {
  readonly code: "lineage/unannounced" | "lineage/unbelieved" | "lineage/unread";
  /** In the store; a prefix where the lineages could not be read. */
  readonly key: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
}

/** The newest so many are looked at: each takes one read of the log. */
const MOST_LOOKED_AT = 100;

/**
 * What stands as a lineage and no backup opened: what does not open, and what the record of the custody log that it names does not announce. Reads that one record of each, not the log. Those that a person
 * accepted are settled. What cannot be read is a finding, too: it must not undo a verification that is done.
 */
export async function auditLineages(vault: Vault, cluster: string, signal?: AbortSignal): Promise<readonly LineageFinding[]> {
  try {
    return await audit(vault, cluster, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/", "verify/")) throw error;
    const key = lineagePrefix(cluster);
    return [{ code: "lineage/unread", key, message: `the lineages of ${cluster} could not be read: ${error.message}` }];
  }
}

async function audit(vault: Vault, cluster: string, signal: AbortSignal | undefined): Promise<readonly LineageFinding[]> {
  const lineages = await readLineages(vault, cluster, signal);
  const findings = openFaults(lineages).map(({ key, message }): LineageFinding => ({ code: "lineage/unbelieved", key, message }));
  for (const link of lineages.links.slice(-MOST_LOOKED_AT)) {
    if (link.acceptance !== undefined) continue;
    const why = await whyUnannounced(vault, cluster, link, signal);
    if (why !== undefined)
      findings.push({ code: "lineage/unannounced", key: link.key, message: `no backup announced ${link.key}: ${why}` });
  }
  return findings;
}

async function whyUnannounced(
  vault: Vault,
  cluster: string,
  { key, lineage: { custody } }: FoundLineage,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (custody === undefined) return "it names no record of the custody log";
  let why = `record ${custody.sequence} is not in the log`;
  // In a replica the log that tells of it is the one that was copied.
  for (const log of ["custody", "primary-custody"] as const) {
    const at = custodyKey(cluster, custody.sequence, log);
    try {
      const bytes = await readSmall(vault.blobs, at, MAX_DOCUMENT_BYTES, signal);
      if (digestOf(bytes) !== custody.digest) {
        why = `record ${custody.sequence} is not the record that it names`;
        continue;
      }
      const record = openDocument("custody", bytes, vault.trusted, at);
      const tells = record.event === "lineage-opened" && record.cluster === cluster && record.sequence === custody.sequence;
      if (tells && mayRecord(record.signer.purpose, record.event) && announcedBy(record).includes(key)) return undefined;
      return `record ${custody.sequence} is about something else`;
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      if (error.code !== "verify/missing") why = `record ${custody.sequence} is not believed: ${error.message}`;
    }
  }
  return why;
}
