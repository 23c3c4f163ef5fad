import { LifeboatError } from "../errors.ts";

/** For a set that is not as node/collect.sh makes it. `what` names it. */
export function refusedSet(what: string, why: string): LifeboatError {
  return new LifeboatError("verify/format", `${what} is no set of a node's files: ${why}`, {
    hint: "nothing of it is taken; collect again with collect.sh, and if this one came so from the node, find out who could write there",
  });
}
