import { isBelieved, newestGoodOf } from "../facts.ts";
import type { ClusterFacts, GoodSnapshot } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { aboutSnapshots } from "../about-many.ts";
import { ageOf, isTooOld } from "./rpo.ts";

/** What does not hold, and what does not count though it should. */
export function judgeSnapshots(
  facts: Pick<ClusterFacts, "cluster" | "now" | "policy" | "snapshots" | "unbelieved" | "differences">,
): readonly Finding[] {
  const { cluster, unbelieved, snapshots } = facts;
  const documents = unbelieved.map(({ key, code, message }) =>
    found("document/unbelieved", { cluster, subject: key, message, evidence: [code], fix: UNBELIEVED }),
  );
  const differences = facts.differences.map(({ subject, message }) =>
    found("catalog/differs", {
      cluster,
      subject,
      message,
      fix: `${UNBELIEVED}; whoever wrote either has a trusted key`,
    }),
  );
  if (!snapshots.known) return [...documents, ...differences];
  const broken = snapshots.value.flatMap((each): Finding[] => {
    if (isBelieved(each)) return [];
    const { code, message } = each.error;
    return [found("snapshot/unbelieved", { cluster, subject: `${cluster}/${each.id}`, message, evidence: [code], fix: UNBELIEVED })];
  });
  const believed = snapshots.value.filter(isBelieved);
  const ahead = believed.filter((each) => has(each, "future"));
  const present = believed.filter((each) => !has(each, "future"));
  return [...broken, ...documents, ...differences, ...future(cluster, ahead), ...unverified(facts, present), ...notGood(facts, present)];
}

const UNBELIEVED = "find out who changed the store, and look for it in a replica; nothing goes by it until then";

function future(cluster: string, ahead: readonly GoodSnapshot[]): readonly Finding[] {
  return aboutSnapshots("snapshot/future", cluster, idsOf(ahead), {
    message: (count) => `the id of ${count} is in the future by this machine's clock`,
    fix: () => "check the clocks of this machine and of those that back up (lifeboat doctor --clock), else find out who wrote it",
  });
}

function unverified(
  { cluster, now, policy }: Pick<ClusterFacts, "cluster" | "now" | "policy">,
  present: readonly GoodSnapshot[],
): readonly Finding[] {
  if (policy === undefined) return [];
  const waiting = present.filter((each) => has(each, "not-countersigned") && isTooOld(ageOf(now, each), policy.rpoMs));
  return aboutSnapshots("snapshot/unverified", cluster, idsOf(waiting), {
    message: (count) => `${count} older than the rpo ${waiting.length === 1 ? "was" : "were"} never countersigned`,
    fix: () => `lifeboat verify ${cluster} --missing reads back and countersigns them`,
  });
}

/** Newer than the newest good one: older ones go with time. */
function notGood(facts: Pick<ClusterFacts, "cluster" | "snapshots">, present: readonly GoodSnapshot[]): readonly Finding[] {
  const { cluster } = facts;
  const good = newestGoodOf(facts);
  return present
    .filter(({ slot, lacks }) => slot > (good?.slot ?? -Infinity) && lacks.some(({ code }) => code !== "not-countersigned"))
    .map(({ id, lacks }) =>
      found("snapshot/not-good", {
        cluster,
        subject: `${cluster}/${id}`,
        message: "it is newer than the newest good snapshot, and is not good",
        evidence: lacks.map(({ reason }) => reason),
        fix: `lifeboat show ${cluster}/${id} says more; the next backup may be good`,
      }),
    );
}

function has({ lacks }: GoodSnapshot, code: GoodSnapshot["lacks"][number]["code"]): boolean {
  return lacks.some((each) => each.code === code);
}

function idsOf(snapshots: readonly GoodSnapshot[]): readonly string[] {
  return snapshots.map(({ id }) => id);
}
