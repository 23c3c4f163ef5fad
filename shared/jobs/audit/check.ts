import { ageOf, isTooOld } from "../../audit/rules/rpo.ts";
import { newestGood } from "../../vault/good.ts";
import { IN_THE_FUTURE, readJudged } from "../../vault/judge.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { readLineages } from "../../vault/lineage/lineages.ts";
import { attentionOfLineage } from "../../documents/lineages.ts";
import { resolveRef } from "../../vault/ref.ts";
import { isLifeboatError } from "../../errors.ts";

/** Whether a cluster could be brought back as it was no longer ago than its rpo. */
export interface RpoCheck {
  readonly cluster: string;
  readonly rpoMs: number;
  /** The newest good snapshot: when its data was taken, and how long ago that is. */
  readonly good: { readonly id: string; readonly takenAt: string; readonly ageMs: number } | undefined;
  /** Why not, a sentence each, lower case, no full stop; empty where all is well. */
  readonly problems: readonly string[];
}

/** Looks at the newest good snapshot of a cluster of the configuration. Reads metadata only, and of that a few documents. */
export async function checkRpo(ports: JudgePorts, cluster: string, rpoMs: number): Promise<RpoCheck> {
  const { good, problems } = await checkAge(ports, cluster, rpoMs);
  const attention = attentionOfLineage(cluster, (await readLineages(ports, cluster)).links.at(-1));
  return { cluster, rpoMs, good, problems: attention === undefined ? problems : [...problems, attention.message] };
}

async function checkAge(ports: JudgePorts, cluster: string, rpoMs: number): Promise<Pick<RpoCheck, "good" | "problems">> {
  const { good, passedOver } = await newestGood(ports, cluster);
  const warnings = passedOver.map(
    ({ id, reason }) => `${cluster}/${id} does not count: ${reason === IN_THE_FUTURE ? reason : "its manifest does not hold"}`,
  );
  if (good === undefined) return { good, problems: ["no snapshot is good", ...(await whyNewestIsNot(ports, cluster)), ...warnings] };
  const { id, createdAt } = good.manifest;
  const ageMs = ageOf(ports.clock.now().getTime(), { createdAt: Date.parse(createdAt) });
  const problems = isTooOld(ageMs, rpoMs) ? ["the newest good snapshot is too old", ...(await whyNewestIsNot(ports, cluster, id))] : [];
  return { good: { id, takenAt: createdAt, ageMs }, problems: [...problems, ...warnings] };
}

/** Of the newest snapshot, where it is another than the newest good one. */
async function whyNewestIsNot(ports: JudgePorts, cluster: string, goodId?: string): Promise<readonly string[]> {
  try {
    const newest = await readJudged(ports, await resolveRef(ports, `${cluster}/latest`));
    const { id } = newest.manifest;
    return id === goodId ? [] : [`the newest, ${cluster}/${id}, is not good: ${newest.lacks.map(({ reason }) => reason).join("; ")}`];
  } catch (error) {
    if (isLifeboatError(error, "ref/not-found")) return [];
    if (isLifeboatError(error, "verify/")) return [error.message];
    throw error;
  }
}
