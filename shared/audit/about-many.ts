import { found } from "./finding.ts";
import type { AuditCode, Finding } from "./finding.ts";

/** Of a list that may be long, so many are named. */
const MOST_NAMED = 5;

/** `a, b and 3 more`. */
export function nameSome(names: readonly string[]): string {
  const left = names.length - MOST_NAMED;
  return left <= 1 ? names.join(", ") : `${names.slice(0, MOST_NAMED).join(", ")} and ${left} more`;
}

/** One finding about several snapshots, the newest first; none where there are none. `message` is told how many: `1 snapshot` or `3 snapshots`. */
export function aboutSnapshots(
  code: AuditCode,
  cluster: string,
  ids: readonly string[],
  {
    message,
    evidence = [],
    fix,
  }: { readonly message: (count: string) => string; readonly evidence?: readonly string[]; readonly fix: (ref: string) => string },
): readonly Finding[] {
  const refs = ids.toReversed().map((id) => `${cluster}/${id}`);
  const [newest] = refs;
  if (newest === undefined) return [];
  const count = refs.length === 1 ? "1 snapshot" : `${refs.length} snapshots`;
  const which = refs.length === 1 ? [] : [nameSome(refs)];
  return [found(code, { cluster, subject: newest, message: message(count), evidence: [...which, ...evidence], fix: fix(newest) })];
}
