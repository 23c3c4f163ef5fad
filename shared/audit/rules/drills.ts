import { ageText } from "../../age-text.ts";
import type { ClusterFacts, ClusterPolicy, DrillFact } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** The last drill of a cluster. */
export function lastDrillOf({ drills }: Pick<ClusterFacts, "drills">): DrillFact | undefined {
  return drills.known ? drills.value.at(-1) : undefined;
}

/** A quarter of the period: a drill that is scheduled each period begins, and ends, a little later each time. */
const LATE = 1.25;

/** What is looked at. */
export interface DrillFacts extends Pick<ClusterFacts, "cluster" | "now" | "drills"> {
  readonly policy: Pick<ClusterPolicy, "drillEveryMs"> | undefined;
}

/** Whether a restore was rehearsed as often as the configuration asks for, and went well. */
export function judgeDrills(facts: DrillFacts): readonly Finding[] {
  const { cluster, now, policy, drills } = facts;
  if (!drills.known) return [];
  const last = lastDrillOf(facts);
  const every = policy?.drillEveryMs;
  const fix = `lifeboat drill ${cluster}/good restores the newest good snapshot, and leaves evidence`;
  if (last === undefined)
    return every === undefined
      ? []
      : [
          found("drill/never", {
            cluster,
            subject: cluster,
            message: "no restore was ever rehearsed",
            evidence: [`drill.every is ${ageText(every)}`],
            fix,
          }),
        ];
  const subject = `${cluster}/${last.id}`;
  if (!last.ok)
    return [
      found("drill/failed", {
        cluster,
        subject,
        message: "the last drill failed",
        evidence: [`${ageText(now - last.at)} ago${last.reason === undefined ? "" : `: ${last.reason}`}`],
        fix: `find out why, by lifeboat verify ${subject} --deep first; then ${fix}`,
      }),
    ];
  if (every === undefined || now - last.at <= LATE * every) return [];
  return [
    found("drill/overdue", {
      cluster,
      subject: cluster,
      message: "the last drill is too long ago",
      evidence: [`it was ${ageText(now - last.at)} ago`, `drill.every is ${ageText(every)}`],
      fix,
    }),
  ];
}
