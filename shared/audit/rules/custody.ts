import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** What is wrong with the custody log, and what it does not account for, in the words of `lifeboat custody --verify`. */
export function judgeCustody({ cluster, custody }: Pick<ClusterFacts, "cluster" | "custody">): readonly Finding[] {
  if (!custody.known) return [];
  return custody.value.findings.map(({ code, subject, message, fix, isOfChain }) =>
    found(isOfChain ? "custody/broken" : "custody/unaccounted", { cluster, subject, message, evidence: [code], fix }),
  );
}
