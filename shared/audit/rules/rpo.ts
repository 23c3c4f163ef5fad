import { ageText } from "../../age-text.ts";
import { newestGoodOf } from "../facts.ts";
import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** How old what was in etcd then is now. A clock that is behind makes nothing younger than new. */
export function ageOf(now: number, { createdAt }: { readonly createdAt: number }): number {
  return Math.max(0, now - createdAt);
}

export function isTooOld(ageMs: number, rpoMs: number): boolean {
  return ageMs > rpoMs;
}

/** Whether the cluster could be brought back as it was no longer ago than its rpo. */
export function judgeRpo(facts: Pick<ClusterFacts, "cluster" | "now" | "policy" | "snapshots">): readonly Finding[] {
  const { cluster, now, policy, snapshots } = facts;
  if (!snapshots.known || policy === undefined) return [];
  const good = newestGoodOf(facts);
  if (good === undefined) {
    if (snapshots.value.length === 0) return [];
    return [
      found("rpo/none", {
        cluster,
        subject: cluster,
        message: "no snapshot is good",
        evidence: [`${snapshots.value.length} snapshots are stored`],
        fix: `lifeboat ls ${cluster} says why each is not; lifeboat verify ${cluster} --missing countersigns those that were not yet`,
      }),
    ];
  }
  const age = ageOf(now, good);
  if (!isTooOld(age, policy.rpoMs)) return [];
  return [
    found("rpo/exceeded", {
      cluster,
      subject: `${cluster}/${good.id}`,
      message: "the newest good snapshot is too old",
      evidence: [`it is ${ageText(age)} old`, `the rpo is ${ageText(policy.rpoMs)}`],
      fix: `lifeboat check ${cluster} says why backups stopped`,
    }),
  ];
}
