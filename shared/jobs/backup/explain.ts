import type { DebugLog } from "../../debug-log.ts";
import type { Proof } from "../../documents/proof.ts";
import type { LineageDecision } from "../../etcd/lineage.ts";
import type { SnapshotSource, Survey } from "../../etcd/survey.ts";
import type { BackupPlan } from "./plan.ts";

/** What a backup decides, for the debug log: nothing is built where there is none. */

export function debugPlan(debug: DebugLog | undefined, plan: BackupPlan, survey: Survey): void {
  if (debug === undefined) return;
  plan.sources.forEach((source, place) => debug.log("decision", `member ${place + 1} to ask: ${labelOf(source)}: ${source.reason}`));
  const apart = survey.doubtful.filter((source) => !plan.sources.includes(source));
  for (const source of apart) debug.log("decision", `member not asked: ${labelOf(source)}: ${source.reason}`);
  for (const { code, subject, message } of survey.findings) debug.log("decision", `finding ${code}: ${subject}: ${message}`);
  if (plan.quarantine !== undefined) debug.log("decision", `quarantine: ${plan.quarantine.reasons.join("; ")}`);
}

export function debugDecision(debug: DebugLog | undefined, { number, opens }: LineageDecision): void {
  debug?.log("decision", `lineage ${number}: ${opens === undefined ? "goes on" : `opens, because of ${opens.reason}`}`);
}

export function debugProof(debug: DebugLog | undefined, proof: Proof): void {
  if (debug === undefined) return;
  const { status, agreement, needed, voters, members } = proof;
  for (const vote of members) debug.log("decision", `vote: ${nameOf(vote)} ${vote.answer}${saidIn(vote)}`);
  const why = "reason" in proof && typeof proof.reason === "string" ? `: ${proof.reason}` : "";
  debug.log("decision", `proof: ${status}${why} (agreement ${agreement}, ${needed} of ${voters} voting members needed)`);
}

function nameOf({ id, name }: { readonly id: string; readonly name: string }): string {
  return name === "" ? id : `${name} (${id})`;
}

function labelOf({ name, status: { endpoint, memberId } }: SnapshotSource): string {
  return `${nameOf({ id: memberId, name })} at ${endpoint}`;
}

function saidIn(vote: Proof["members"][number]): string {
  if ("hash" in vote) return `: hash ${String(vote.hash)}`;
  return "reason" in vote ? `: ${String(vote.reason)}` : "";
}
