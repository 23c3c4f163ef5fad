import { CONFIRMED } from "./confirmation.ts";
import type { Confirm } from "./confirmation.ts";
import { describeValue } from "../unknown-values.ts";
import type { Manifest } from "./manifest.ts";
import { outcomeOf } from "./proof.ts";
import type { Agreement, ProofWords } from "./proof.ts";
import type { Verification } from "./verification.ts";

/** Something that a snapshot lacks to be good. */
export interface Lack {
  readonly code: "not-countersigned" | "not-confirmed" | "unproven" | "quarantine" | "future";
  /** One sentence, lower case, no full stop. */
  readonly reason: string;
}

/** What the configuration asks of a cluster's snapshots. */
export interface GoodPolicy {
  readonly agreement: Agreement;
  readonly confirm: Confirm;
}

/** What a countersignature says, as far as it counts here. */
export type CountersignatureWords = Pick<Verification, "manifestDigest" | "confirmed">;

/** The same of a manifest. */
export type ManifestWords = Pick<Manifest, "quarantine"> & { readonly proof: ProofWords };

/**
 * What a snapshot lacks to be good; empty where it is good. Good is: countersigned by a trusted audit key, and proven, and not in quarantine; and confirmed by members where the configuration
 * requires that.
 *
 * `countersignatures` are documents whose signature and trust were checked, oldest first; those of another manifest do not count. `policy` is undefined where the configuration
 * does not know the cluster. That a manifest needs no proof is the word of whoever wrote it, so `agreement: off`
 * counts only where the configuration does not ask for more.
 */
export function lacksOf(
  { manifest, digest }: { readonly manifest: ManifestWords; readonly digest: string },
  countersignatures: readonly CountersignatureWords[],
  policy: GoodPolicy | undefined,
): readonly Lack[] {
  const { proof, quarantine } = manifest;
  const configured = policy?.agreement;
  const lacks: Lack[] = [];
  const own = countersignatures.filter(({ manifestDigest }) => manifestDigest === digest);
  if (own.length === 0) lacks.push({ code: "not-countersigned", reason: "not countersigned" });
  const confirmed = confirmedBy(own);
  if (policy?.confirm === "required" && confirmed !== undefined && confirmed !== "members")
    lacks.push({ code: "not-confirmed", reason: `not confirmed by members: ${describeValue(CONFIRMED, confirmed)}` });
  const outcome = outcomeOf(proof);
  if (outcome.status === "unproven" && !isProofOff(proof, configured))
    lacks.push({ code: "unproven", reason: `unproven: ${unprovenReason(proof.agreement, outcome.reason, configured)}` });
  if (quarantine !== undefined) lacks.push({ code: "quarantine", reason: `in quarantine: ${quarantine.reasons.join("; ")}` });
  return lacks;
}

/** What countersignatures of one manifest, oldest first, say together: one that members confirmed once stays so. Undefined where there are none. */
export function confirmedBy(own: readonly Pick<Verification, "confirmed">[]): NonNullable<Verification["confirmed"]> | undefined {
  if (own.some(({ confirmed }) => confirmed === "members")) return "members";
  const newest = own.at(-1);
  return newest === undefined ? undefined : (newest.confirmed ?? "not asked");
}

function isProofOff({ status, agreement }: ProofWords, configured: Agreement | undefined): boolean {
  return status === "unproven" && agreement === "off" && (configured === undefined || configured === "off");
}

function unprovenReason(agreement: string, reason: string, configured: Agreement | undefined): string {
  return agreement === "off" ? `its manifest says agreement off, and the configuration asks for ${configured}` : reason;
}
