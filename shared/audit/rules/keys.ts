import { ageText } from "../../age-text.ts";
import type { CanaryFact, ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** 182 days, half a year: people leave, paper is filed away, and passphrases are forgotten in less than a year. */
export const REHEARSED_MS = 182 * 86_400_000;

/** Whether the newest good snapshot opens with the key that the configuration names now. */
export function judgeWrapping({
  cluster,
  newestGood,
  wrappingKey,
}: Pick<ClusterFacts, "cluster" | "newestGood" | "wrappingKey">): readonly Finding[] {
  if (!newestGood.known || newestGood.value === undefined || !wrappingKey.known || wrappingKey.value === undefined) return [];
  const { id, wrappedUnder } = newestGood.value;
  const key = wrappingKey.value;
  if (wrappedUnder.includes(key)) return [];
  return [
    found("key/other", {
      cluster,
      subject: `${cluster}/${id}`,
      message: `it is not wrapped under the configured key, ${key}`,
      evidence: [`it is wrapped under ${wrappedUnder.join(", ") || "none"}`],
      fix: `lifeboat rewrap ${cluster} wraps what is stored under the configured key, as long as the older one opens it`,
    }),
  ];
}

/** Whether an identity that is kept offline opens the newest good snapshot. */
export function judgeBreakGlass({
  cluster,
  newestGood,
  policy,
}: Pick<ClusterFacts, "cluster" | "newestGood" | "policy">): readonly Finding[] {
  if (policy === undefined) return [];
  if (policy.breakGlass.length === 0)
    return [
      found("key/break-glass", {
        cluster,
        subject: "breakGlass",
        message: "no break-glass recipient is configured: what is stored is lost with the wrapping key",
        fix: "age-keygen -o break-glass.key, add the recipient that it prints to breakGlass, and keep the file offline",
      }),
    ];
  if (!newestGood.known || newestGood.value === undefined) return [];
  const { id, breakGlass } = newestGood.value;
  const lacking = policy.breakGlass.filter((each) => !breakGlass.includes(each));
  if (lacking.length === 0) return [];
  return [
    found("key/break-glass", {
      cluster,
      subject: `${cluster}/${id}`,
      message: `it does not open with the break-glass identity of ${lacking.join(", ")}`,
      fix: "a backup that is taken now is for the configured recipients; check that none was taken out by mistake",
    }),
  ];
}

/** The newest rehearsal with an identity that is configured; undefined where there is none. */
export function lastRehearsalOf({ canaries, policy }: Pick<ClusterFacts, "canaries" | "policy">): CanaryFact | undefined {
  return canaries.known ? canaries.value.findLast(({ recipient }) => policy?.breakGlass.includes(recipient) === true) : undefined;
}

/** Whether a person has opened anything with a break-glass identity lately. */
export function judgeRehearsal(facts: Pick<ClusterFacts, "cluster" | "now" | "policy" | "canaries">): readonly Finding[] {
  const { cluster, now, policy, canaries } = facts;
  if (policy === undefined || policy.breakGlass.length === 0 || !canaries.known) return [];
  const last = lastRehearsalOf(facts);
  if (last !== undefined && now - last.openedAt <= REHEARSED_MS) return [];
  return [
    found("key/not-rehearsed", {
      cluster,
      subject: "breakGlass",
      message:
        last === undefined
          ? "nobody has shown that a break-glass identity still opens anything"
          : `the last rehearsal of break-glass was ${ageText(now - last.openedAt)} ago`,
      fix: "lifeboat keys canary make --out FOLDER, open a file of it by hand where the identity is kept, then lifeboat keys canary confirm",
    }),
  ];
}
