import { storedAlarmsOf } from "./content.ts";
import type { Manifest } from "./manifest.ts";
import { outcomeOf } from "./proof.ts";
import type { Vote } from "./proof.ts";

/** Members that hold something else than what the others agree on. */
export function dissentersOf({ proof }: Manifest): readonly string[] {
  return proof.members.filter(({ answer }) => answer === "dissents").map(labelOf);
}

/** Why a person should look, a sentence each: it is no good backup, or a member is not well. Empty where nobody need. */
export function attentionOf({ proof, quarantine }: Manifest): readonly string[] {
  const found: string[] = [];
  if (quarantine !== undefined) found.push(`in quarantine: ${quarantine.reasons.join("; ")}`);
  const outcome = outcomeOf(proof);
  if (outcome.status === "unproven" && proof.agreement !== "off") found.push(`unproven: ${outcome.reason}`);
  for (const vote of proof.members) {
    if (vote.answer === "dissents") found.push(`${labelOf(vote)} dissents: HashKV ${vote.hash} at revision ${vote.revision}`);
    if (vote.answer === "broken") found.push(`what ${labelOf(vote)} sent is broken: ${vote.reason}`);
  }
  return found;
}

/** What whoever restores it must know beforehand, a sentence each. */
export function restoreWarnings(manifest: Manifest): readonly string[] {
  const full = (storedAlarmsOf(manifest) ?? []).filter(({ alarm }) => alarm === "NOSPACE");
  if (full.length === 0) return [];
  const of = full.map(({ memberId }) => memberId).join(", ");
  return [
    `${manifest.cluster}/${manifest.id} holds a NOSPACE alarm (of member ${of}): what is restored from it refuses every write until \`etcdctl alarm disarm\``,
  ];
}

/** A member's name, or its id where it has none. */
export function labelOf({ id, name }: Pick<Vote, "id" | "name">): string {
  return name === "" ? id : name;
}
