import type { JsonDocument } from "../shared/contract/documents.ts";
import { labelOf } from "../shared/documents/attention.ts";
import { CONFIRMED } from "../shared/documents/confirmation.ts";
import type { Verification } from "../shared/documents/verification.ts";
import { describeValue } from "../shared/unknown-values.ts";
import type { AuditedVerification, VerifyResult } from "../shared/jobs/verify/verify.ts";
import { describeReceipt } from "./describe.ts";
import { goodJson, reasonsIn } from "./goodness.ts";

/** What a verification of any depth gives. */
export type Verified = VerifyResult & Partial<Omit<AuditedVerification, keyof VerifyResult>>;

export function nameOf({ manifest }: VerifyResult): string {
  return `${manifest.cluster}/${manifest.id}`;
}

/** What holds, whether the snapshot is good, and what was left; `unread` says how it is read back, where it was not countersigned. */
export function textOf(result: Verified, unread = ""): string {
  const { checks, lacks, countersignature, index, custody } = result;
  const held = checks.join(", ");
  const first =
    lacks.length === 0 ? `${nameOf(result)} is good: ${held}` : `${nameOf(result)} holds: ${held}\nnot good: ${reasonsIn(lacks)}`;
  const second = countersignature === undefined ? unread : `countersigned: ${countersignature}\n${describeConfirmation(result)}`;
  const third = index === undefined ? "" : `\nindex of keys: ${index}`;
  return `${first}\n${second}${third}${custody === undefined ? "" : `\ncustody: ${describeReceipt(custody)}`}`;
}

/** `confirmed by m1 and m2, members of the cluster, at revision 5`; or that it is not, and why. */
export function describeConfirmation({ confirmed, confirmation }: ConfirmationWords): string {
  const word = confirmed ?? CONFIRMED[2];
  if (word !== "members")
    return `not confirmed by members: ${describeValue(CONFIRMED, word)}${confirmation?.reason === undefined ? "" : `: ${confirmation.reason}`}`;
  const asked = confirmation?.asked;
  const agree = asked?.members.filter(({ answer }) => answer === "agrees").map(labelOf) ?? [];
  const dissent = asked?.members.filter(({ answer }) => answer === "dissents").map(labelOf) ?? [];
  return `confirmed by members: ${agree.join(", ")} of ${asked?.voters ?? 0} at revision ${asked?.revision ?? 0}${dissent.length === 0 ? "" : `; ${dissent.join(", ")} DISSENTS`}`;
}

type ConfirmationWords = Pick<Verification, "confirmed" | "confirmation">;

export function notGood(result: VerifyResult): string {
  return `${nameOf(result)} is not good: ${reasonsIn(result.lacks)}`;
}

/** The fields that a verification alone and one of many have in common. */
export function checkedJson(
  result: VerifyResult,
): Pick<Extract<JsonDocument<"verify">, { readonly ref: unknown }>, "ref" | "good" | "lacks" | "checks" | "manifestDigest"> {
  return { ref: nameOf(result), ...goodJson(result.lacks), checks: result.checks, manifestDigest: result.digest };
}
