import { LifeboatError } from "../../errors.ts";
import { judge } from "../../etcd/agreement.ts";
import { isWhole } from "../../documents/content.ts";
import type { Content } from "../../documents/content-schema.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { isAgreement } from "../../documents/proof.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import { contentOf } from "../backup/draft-manifest.ts";

/**
 * Throws where the pages say something else than the manifest. Its digest of the same bytes holds, so this is no damage: the manifest was made by a scan that
 * erred, or by somebody who lied with the snapshot key.
 */
export function requireContentAsRecorded(manifest: Manifest, scan: ScanResult): void {
  const name = `${manifest.cluster}/${manifest.id}`;
  const hint = "do not restore from it: its manifest does not describe what it holds; use another snapshot";
  const [recorded, found] = [fieldsOf(manifest.content), fieldsOf(contentOf(scan))];
  for (const [field, value] of found) {
    const expected = recorded.get(field);
    // Manifests of older versions say nothing of them.
    if ((field === "alarms" || field === "encryption") && isWhole(manifest.content) && manifest.content[field] === undefined) continue;
    if (expected !== value)
      throw new LifeboatError(
        "verify/content",
        `${name} holds content whose ${field} is ${value}; its manifest says ${expected ?? "nothing"}`,
        {
          hint,
        },
      );
  }
  for (const vote of manifest.proof.members) {
    if (vote.answer !== "agrees" || scan.tree !== "whole") continue;
    const ours = scan.hashKv(vote.revision, vote.compactRevision);
    if (!("hash" in ours) || ours.hash !== vote.hash)
      throw new LifeboatError(
        "verify/content",
        `${name} has another HashKV at revision ${vote.revision} than its manifest says that ${vote.name} confirmed`,
        {
          hint,
        },
      );
  }
  if (manifest.proof.status === "proven" && (scan.tree !== "whole" || !isConfirmed(manifest)))
    throw new LifeboatError("verify/content", `${name} says that it is proven, and the votes in its manifest do not show that`, { hint });
}

/** Whether the votes that are recorded make the proof that is claimed. */
function isConfirmed({ proof, etcd }: Manifest): boolean {
  const listed = etcd.members.filter(({ isLearner }) => !isLearner).length;
  // Where nobody could list them their number is the configuration's, which the proof says.
  const voters = listed > 0 ? listed : proof.voters > 0 ? proof.voters : undefined;
  const { agreement } = proof;
  return isAgreement(agreement) && judge(proof.members, { agreement, voters, sourceId: etcd.source.memberId }).kind === "proven";
}

/** The fields of a content record by their names. */
function fieldsOf(content: Content): ReadonlyMap<string, string> {
  const flat = isWhole(content)
    ? {
        tree: content.tree,
        hash: content.hash,
        revision: content.revision,
        "compact revision": content.compactRevision,
        "number of bytes in use": content.inUseBytes,
        "number of revisions": content.keys.revisions,
        "number of keys": content.keys.live,
        HashKV: content.hashKv?.hash,
        alarms: content.alarms?.map(({ memberId, alarm }) => `${alarm} on ${memberId}`).join(", "),
        encryption: content.encryption?.map(({ provider, keyName }) => `${keyName} of ${provider}`).join(", "),
      }
    : { tree: content.tree, fault: content.message };
  return new Map(Object.entries(flat).map(([field, value]) => [field, String(value)]));
}
