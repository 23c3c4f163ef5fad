import type { KmsFacts, KmsKeyFacts } from "../../keys/key-inspector.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import { isUnreadable, type MaybeUnreadable } from "../../unreadable.ts";
import type { DoctorFinding } from "./finding.ts";
import { judgeTrust } from "./judge-trust.ts";

/** A key that a bucket is encrypted by at rest. */
export interface BucketKey {
  readonly setting: string;
  readonly arn: MaybeUnreadable<string>;
}

const WRAPPING = { spec: "SYMMETRIC_DEFAULT", usage: "ENCRYPT_DECRYPT" };
const SIGNING = { spec: "ECC_NIST_P256", usage: "SIGN_VERIFY" };

/** What is wrong with the keys in KMS, and how to mend it. */
export function judgeKms({ region, keys }: KmsFacts, trusted: TrustedKeys, bucketKeys: readonly BucketKey[]): readonly DoctorFinding[] {
  return [...keys.flatMap((key) => judgeKey(key, region, trusted)), ...judgeShared(keys, bucketKeys), ...unseenFindings(keys)];
}

function judgeKey(key: KmsKeyFacts, region: string, trusted: TrustedKeys): readonly DoctorFinding[] {
  const { use, setting: subject, id, error, spec, usage, state, rotates, fingerprint } = key;
  if (error !== undefined) {
    const code = error.code === "keys/missing" ? "key-missing" : "key-unusable";
    return [{ code, severity: "problem", subject, message: error.message, fix: error.hint ?? "" }];
  }
  const found: DoctorFinding[] = [];
  const kms = (call: string): string => `aws kms ${call} --region ${region} --key-id ${isUnreadable(key.arn) ? id : key.arn}`;
  const wanted = use === "wrap" ? WRAPPING : SIGNING;
  if (!isUnreadable(spec) && !isUnreadable(usage) && (spec !== wanted.spec || usage !== wanted.usage)) {
    found.push({
      code: "key-kind",
      severity: "problem",
      subject,
      message: `${id} is ${spec} for ${usage}, and must be ${wanted.spec} for ${wanted.usage}`,
      fix: `make one and name it: aws kms create-key --region ${region} --key-spec ${wanted.spec} --key-usage ${wanted.usage}`,
    });
  }
  if (!isUnreadable(state) && state !== "Enabled") {
    const [message, fix] =
      state === "PendingDeletion"
        ? ([`${id} is about to be deleted`, `${kms("cancel-key-deletion")}, then ${kms("enable-key")}`] as const)
        : state === "Disabled"
          ? ([`${id} is disabled`, `find out who disabled it and why, then ${kms("enable-key")}`] as const)
          : ([`${id} cannot be used: its state is ${state}`, `see ${kms("describe-key")}`] as const);
    found.push({ code: "key-state", severity: "problem", subject, message, fix });
  }
  if (use !== "wrap" && fingerprint !== undefined && !isUnreadable(fingerprint))
    found.push(...judgeTrust(subject, use, fingerprint, trusted));
  if (rotates === false) {
    const message = `KMS does not renew the material of ${id} by itself; a year is usual, and old snapshots go on to open`;
    found.push({ code: "key-not-rotated", severity: "info", subject, message, fix: kms("enable-key-rotation") });
  }
  return found;
}

function judgeShared(keys: readonly KmsKeyFacts[], bucketKeys: readonly BucketKey[]): readonly DoctorFinding[] {
  const found: DoctorFinding[] = [];
  const named = keys.flatMap(({ setting, arn, error }) => (isUnreadable(arn) || error !== undefined ? [] : [{ setting, arn }]));
  for (const [arn, of] of Map.groupBy(named, (key) => key.arn)) {
    if (of.length < 2) continue;
    found.push({
      code: "key-shared",
      severity: "problem",
      subject: of.map(({ setting }) => setting).join(", "),
      message: `they are one key, ${arn}: a role that may use it for one purpose may use it for all`,
      fix: "give each a key of its own",
    });
  }
  const wrapping = keys.find(({ use }) => use === "wrap");
  for (const { setting, arn } of bucketKeys) {
    if (wrapping === undefined || isUnreadable(arn) || arn !== wrapping.arn) continue;
    found.push({
      code: "key-shared",
      severity: "problem",
      subject: `${setting}, ${wrapping.setting}`,
      message: `the bucket is encrypted by the wrapping key, ${arn}: whoever puts into it needs Decrypt on that key, and so can open every snapshot`,
      fix: "encrypt the bucket by another key, or by SSE-S3",
    });
  }
  return found;
}

/** A role usually sees its own keys alone. */
function unseenFindings(keys: readonly KmsKeyFacts[]): readonly DoctorFinding[] {
  const unseen = keys.flatMap(({ setting, error, state, fingerprint }) => {
    if (error !== undefined) return [];
    const parts = [...(isUnreadable(state) ? ["its state"] : []), ...(isDenied(fingerprint) ? ["its public key"] : [])];
    return parts.length === 0 ? [] : [`${setting} (${parts.join(", ")})`];
  });
  if (unseen.length === 0) return [];
  const message = `could not be seen by this caller: ${unseen.join(", ")}`;
  const fix = "run lifeboat doctor --keys as somebody with kms:DescribeKey and kms:GetPublicKey on all keys";
  return [{ code: "not-seen", severity: "info", subject: "keys", message, fix }];
}

function isDenied(fingerprint: KmsKeyFacts["fingerprint"]): boolean {
  return isUnreadable(fingerprint) && fingerprint.unseen === "denied";
}
