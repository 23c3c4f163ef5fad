import type { Fact, Line } from "../facts.ts";
import type { Finding } from "../finding.ts";

/** A question of the verdict, and how it is answered. */
interface Question {
  readonly name: string;
  readonly question: string;
}

export function yes({ name, question }: Question, evidence: readonly string[]): Line {
  return { name, question, answer: "yes", evidence, fix: "" };
}

export function no({ name, question }: Question, evidence: readonly string[], fix: string): Line {
  return { name, question, answer: "no", evidence, fix };
}

export function notKnown({ name, question }: Question, why: string, fix: string): Line {
  return { name, question, answer: "unknown", evidence: [why], fix };
}

/** No by the first of the findings, with all of them in evidence; yes where there are none. So a verdict and an audit never say different things. */
export function byFindings(asked: Question, findings: readonly Finding[], evidence: readonly string[]): Line {
  const [first] = findings;
  if (first === undefined) return yes(asked, evidence);
  return no(
    asked,
    findings.flatMap((each) => [each.message, ...each.evidence]),
    first.fix,
  );
}

/** Unknown where the fact is; else as `judge` answers by its value. */
export function ifKnown<T>(asked: Question, fact: Fact<T>, fix: string, judge: (value: T) => Line): Line {
  return fact.known ? judge(fact.value) : notKnown(asked, fact.why, fix);
}
