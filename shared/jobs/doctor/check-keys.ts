import type { KeyFacts, KeyInspector } from "../../keys/key-inspector.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import { attempt } from "./attempt.ts";
import type { NamedStore } from "./check-store.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";
import { judgeKms, type BucketKey } from "./judge-kms.ts";
import { judgeLocalKeys } from "./judge-local-keys.ts";

export interface KeysReport {
  /** `keys`, or `replica NAME`. */
  readonly name: string;
  readonly location: string;
  /** Undefined where nothing could be learned. */
  readonly facts: KeyFacts | undefined;
  readonly findings: readonly DoctorFinding[];
}

/** A key ring of the configuration: `keys`, or the wrapping key of `replica NAME`. */
export interface NamedKeys {
  readonly name: string;
  readonly inspector: KeyInspector;
}

export interface KeysCheck {
  readonly keys: readonly NamedKeys[];
  readonly trusted: TrustedKeys;
  readonly stores: readonly NamedStore[];
}

/** Looks whether each key is of the kind that its place asks for, in use, its own, and believed. */
export function checkKeys({ keys, trusted, stores }: KeysCheck, signal: AbortSignal): Promise<readonly KeysReport[]> {
  return Promise.all(
    keys.map(async ({ name, inspector }) => {
      const { location } = inspector;
      // A replica with a key of its own is opened by that; all others by the first ring's.
      const wrapped = stores.filter((store) => (name === "keys" ? !keys.some((other) => other.name === store.name) : store.name === name));
      const [facts, findings] = await attempt(name, () => inspector.facts(signal));
      if (facts === undefined) return { name, location, facts, findings };
      if (facts.kind === "local") return { name, location, facts, findings: bySeverity(judgeLocalKeys(facts, trusted)) };
      const [bucketKeys = [], failures] = await attempt(name, () => readBucketKeys(inspector, wrapped, signal));
      return { name, location, facts, findings: bySeverity([...judgeKms(facts, trusted, bucketKeys), ...failures]) };
    }),
  );
}

/** Whether anything opens what is stored once the wrapping key is gone. */
export function judgeBreakGlass(recipients: readonly string[]): readonly DoctorFinding[] {
  if (recipients.length > 0) return [];
  return [
    {
      code: "break-glass-missing",
      severity: "warning",
      subject: "breakGlass",
      message: "no break-glass recipient is configured: snapshots taken now are lost with the wrapping key",
      fix: "age-keygen -o break-glass.key, add the recipient that it prints to breakGlass, and keep the file offline",
    },
  ];
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
