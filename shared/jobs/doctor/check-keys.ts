import type { KeyFacts, KeyInspector } from "../../keys/key-inspector.ts";
import type { TrustedKeys } from "../../manifest/signed-document.ts";
import { attempt } from "./attempt.ts";
import type { NamedStore } from "./check-store.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";
import { judgeKms, type BucketKey } from "./judge-kms.ts";
import { judgeLocalKeys } from "./judge-local-keys.ts";

export interface KeysReport {
  readonly location: string;
  /** Undefined where nothing could be learned. */
  readonly facts: KeyFacts | undefined;
  readonly findings: readonly DoctorFinding[];
}

export interface KeysCheck {
  readonly keys: KeyInspector;
  readonly trusted: TrustedKeys;
  readonly stores: readonly NamedStore[];
  /** How many break-glass recipients are configured. */
  readonly breakGlass: number;
}

/** Looks whether each key is of the kind that its place asks for, in use, its own, and believed. */
export async function checkKeys({ keys, trusted, stores, breakGlass }: KeysCheck, signal: AbortSignal): Promise<KeysReport> {
  const { location } = keys;
  const [facts, findings] = await attempt("keys", () => keys.facts(signal));
  const all = [...findings];
  if (facts?.kind === "kms") {
    const [bucketKeys = [], failures] = await attempt("keys", () => readBucketKeys(keys, stores, signal));
    all.push(...judgeKms(facts, trusted, bucketKeys), ...failures);
  } else if (facts !== undefined) {
    all.push(...judgeLocalKeys(facts, trusted));
  }
  if (breakGlass === 0) {
    all.push({
      code: "break-glass-missing",
      severity: "warning",
      subject: "breakGlass",
      message: "no break-glass recipient is configured: snapshots taken now are lost with the wrapping key",
      fix: "age-keygen -o break-glass.key, add the recipient that it prints to breakGlass, and keep the file offline",
    });
  }
  return { location, facts, findings: bySeverity(all) };
}

async function readBucketKeys(keys: KeyInspector, stores: readonly NamedStore[], signal: AbortSignal): Promise<readonly BucketKey[]> {
  const named = await Promise.all(
    stores.map(async ({ name, inspector }) =>
      (await inspector.encryptionKeys(signal)).map(({ setting, key }) => ({
        setting: name === "store" ? setting : `${name}: ${setting}`,
        key,
      })),
    ),
  );
  return Promise.all(named.flat().map(async ({ setting, key }) => ({ setting, arn: await keys.arnOf(key, signal) })));
}
