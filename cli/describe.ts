import { dissentersOf, labelOf } from "../shared/documents/attention.ts";
import { UNKNOWN_MEMBER } from "../shared/etcd/cluster-facts.ts";
import { isWhole, storedAlarmsOf } from "../shared/documents/content.ts";
import type { Manifest } from "../shared/documents/manifest.ts";
import { outcomeOf } from "../shared/documents/proof.ts";
import type { ProofOutcome } from "../shared/documents/proof.ts";
import type { CustodyReceipt } from "../shared/documents/parts.ts";

/** The member that gave a snapshot; where several stand behind the endpoint, that it is one of them. */
export function describeSource({ etcd: { source } }: Manifest): string {
  if (source.memberId === UNKNOWN_MEMBER) return "a member behind a proxy or load balancer";
  return labelOf({ id: source.memberId, name: source.name });
}

/** Alarms that a restore brings back; empty where they were not recorded. */
export function describeAlarms(manifest: Manifest): string {
  const alarms = storedAlarmsOf(manifest);
  if (alarms === undefined) return "";
  return alarms.length === 0 ? "none" : alarms.map(({ alarm, memberId }) => `${alarm} on ${memberId}`).join(", ");
}

/** `proven`, or `unproven: ` and the reason. */
export function describeProof({ proof }: { readonly proof: ProofOutcome }): string {
  return proof.status === "proven" ? "proven" : `unproven: ${proof.reason}`;
}

/** The same with whose word it is. */
export function explainProof(manifest: Manifest): string {
  const { proof } = manifest;
  const outcome = outcomeOf(proof);
  if (outcome.status === "unproven" || proof.status !== "proven") return describeProof({ proof: outcome });
  const agree = proof.members.filter(({ answer }) => answer === "agrees");
  const dissent = dissentersOf(manifest);
  const proven = `proven: ${agree.map(labelOf).join(", ")} of ${proof.voters} voting members ${agree.length === 1 ? "agrees" : "agree"} at revision ${proof.revision}`;
  return dissent.length === 0 ? proven : `${proven}; ${dissent.join(", ")} DISSENTS`;
}

/** A line for each member that did not agree. */
export function explainVotes({ proof }: Manifest): [string, string][] {
  return proof.members.flatMap((vote): [string, string][] => {
    if (vote.answer === "agrees") return [];
    if (vote.answer === "dissents") return [[labelOf(vote), `DISSENTS: HashKV ${vote.hash} at revision ${vote.revision}`]];
    if (vote.answer === "unavailable" || vote.answer === "broken") return [[labelOf(vote), `${vote.answer}: ${vote.reason}`]];
    return [[labelOf(vote), `${vote.answer} (an answer of a later version, which agrees with nothing here)`]];
  });
}

export function describeRevision({ content, etcd }: Manifest): string {
  return isWhole(content) ? String(content.revision) : `${etcd.before.revision} or later`;
}

export function describeKeys({ content }: Manifest): string {
  if (!isWhole(content)) return "";
  const { live, revisions } = content.keys;
  return live === undefined ? `not counted, in ${revisions} revisions` : `${live} in ${revisions} revisions`;
}

/** What `etcdutl snapshot status` and `etcdutl hashkv` would print of it. */
export function describeContent({ content }: Manifest): string {
  if (!isWhole(content)) return `BROKEN (${content.tree}): ${content.message}`;
  const hashKv =
    content.hashKv === undefined
      ? ""
      : `, HashKV ${content.hashKv.hash} at revision ${content.hashKv.revision}, compacted ${content.hashKv.compactRevision}`;
  return `hash ${content.hash.toString(16).padStart(8, "0")}${hashKv}`;
}

/** A record of the custody log, as `--head` takes it; empty where there is none. */
export function describeReceipt(receipt: CustodyReceipt | undefined): string {
  return receipt === undefined ? "" : `${receipt.sequence}:${receipt.digest}`;
}
