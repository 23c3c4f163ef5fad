import type { ConfirmPorts } from "../shared/jobs/verify/inquiry.ts";

/** Of the time that is left, what members may take for one answer at most: a member that hangs must not end the verification. */
const PATIENCE = 1 / 8;

/** The same ports, with no more patience for members than `leftMs` of the run allows. */
export function withPatience<P extends ConfirmPorts>(ports: P, leftMs: number): P {
  const membersOf: ConfirmPorts["membersOf"] = async (cluster) => {
    const members = await ports.membersOf(cluster);
    if ("notAsked" in members) return members;
    const { policy } = members;
    return { ...members, policy: { ...policy, hashKvMs: Math.max(1, Math.min(policy.hashKvMs, Math.floor(leftMs * PATIENCE))) } };
  };
  return { ...ports, membersOf };
}
