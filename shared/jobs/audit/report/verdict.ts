import { unknown } from "../../../audit/facts.ts";
import type { ClusterFacts, Line, VerdictFact } from "../../../audit/facts.ts";
import { judge, verdictOf } from "../../../audit/judge.ts";
import type { ClusterReport } from "../../../contract/report.ts";

const DAY_MS = 86_400_000;
/** What etcd and the keys said longer ago says nothing of today. */
const RECENT_MS = 7 * DAY_MS;

/** What no store can tell. */
const ASKED_ELSEWHERE: ReadonlySet<string> = new Set(["keys", "programs", "certificates", "node-files", "encryption-keys"]);

/**
 * Whether a cluster could come back: what is stored is judged anew, and what etcd, the keys and the desk have to be asked for is taken from the newest signed verdict, as is what the end of the log does not tell. Where there is none that is recent the word is null, unless what is stored
 * alone settles that it is not ready.
 */
export function verdictIn(facts: ClusterFacts): ClusterReport["verdict"] {
  const nobody = unknown("nobody asked");
  const asked = { etcd: nobody, keys: nobody, programs: [], nodeFiles: undefined, encryptionKeys: undefined };
  const isElsewhere = ({ name }: Line): boolean => ASKED_ELSEWHERE.has(name);
  const stored = judge({ ...facts, ...asked }).lines.filter((line) => !isElsewhere(line));
  const signed = facts.verdict.known ? facts.verdict.value : undefined;
  const isRecent = signed !== undefined && facts.now - signed.at <= RECENT_MS;
  const lines = isRecent
    ? [
        ...stored.map((line) => (line.answer === "unknown" ? (named(signed, line.name) ?? line) : line)),
        ...signed.lines.filter(isElsewhere),
      ]
    : stored;
  const isSettled = isRecent || stored.some(({ name, answer }) => name !== "age" && answer === "no");
  return {
    word: isSettled ? verdictOf(lines) : null,
    askedAt: isRecent ? signed.at : null,
    lines: lines.map(({ question, answer, evidence, fix }) => ({ question, answer, evidence: evidence.join("; "), fix })),
  };
}

function named({ lines }: VerdictFact, name: string): Line | undefined {
  return lines.find((line) => line.name === name);
}
