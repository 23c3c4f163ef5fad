import type { Manifest } from "../shared/manifest/schema.ts";

/** `proven`, or `unproven: ` and the reason. */
export function describeProof({ proof }: Manifest): string {
  return proof.status === "proven" ? "proven" : `unproven: ${proof.reason}`;
}
