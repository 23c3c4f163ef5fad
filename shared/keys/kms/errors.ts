import { faultOf, hintFor } from "../../aws-fault.ts";
import { LifeboatError } from "../../errors.ts";
import { interrupted } from "../../within.ts";
import type { KeyName } from "./settings.ts";

/** What KMS was asked: the name of the call is that of the permission too. */
export interface KmsCall {
  readonly call: "Encrypt" | "Decrypt" | "Sign" | "GetPublicKey" | "DescribeKey" | "GetKeyRotationStatus";
  readonly key: KeyName;
  /** For people: "KMS in eu-central-1". */
  readonly location: string;
}

/** What KMS answered, as an error of the key ring; `interrupted` where `signal` ended the call. Names: https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html#API_Encrypt_Errors */
export function kmsError(error: unknown, { call, key, location }: KmsCall, signal?: AbortSignal): LifeboatError {
  if (error instanceof LifeboatError) return error;
  if (signal?.aborted === true) return interrupted(signal, `asking ${location} for ${call}`);
  const fault = faultOf(error);
  const named = `the key ${key.id} (${key.setting})`;
  switch (fault.name) {
    case "NotFoundException":
      return new LifeboatError("keys/missing", `key ${key.id} not found in ${location}: it ${key.use}`, {
        hint: `see aws kms list-aliases, and correct ${key.setting} and ${key.setting.startsWith("keys.") ? "keys.region" : "the region beside it"} in the configuration`,
        cause: error,
      });
    case "DisabledException":
      return new LifeboatError("keys/disabled", `${named} is disabled in ${location}: it ${key.use}`, {
        hint: "find out who disabled it and why, then aws kms enable-key",
        cause: error,
      });
    case "KMSInvalidStateException":
      return /delet/i.test(fault.reason)
        ? new LifeboatError("keys/deleting", `${named} is about to be deleted in ${location}: it ${key.use}`, {
            hint: "aws kms cancel-key-deletion, then enable-key: what it wrapped cannot be opened without it but by break-glass",
            cause: error,
          })
        : new LifeboatError("keys/failed", `${named} cannot be used now: ${fault.reason}`, {
            hint: "see its state by aws kms describe-key",
            cause: error,
          });
    case "InvalidKeyUsageException":
    case "UnsupportedOperationException":
      return wrongKey(key, location, fault.reason, error);
    default:
      break;
  }
  if (fault.kind === "denied") {
    return new LifeboatError("keys/denied", `${call} with ${named} is denied in ${location}`, {
      hint: `give this role kms:${call} on the key, in the role's policy and where it needs that the key's (docs/threat-model.md), or use another role`,
      cause: error,
    });
  }
  const hint = hintFor(fault) ?? "check that KMS works in this region, then try again";
  if (fault.kind === "throttled")
    return new LifeboatError("keys/throttled", `${location} takes no more calls for now: ${call} with ${named}`, { hint, cause: error });
  const code = fault.kind === "credentials" ? "keys/denied" : "keys/failed";
  return new LifeboatError(code, `${call} with ${named} failed in ${location}: ${fault.reason} (${fault.name})`, { hint, cause: error });
}

/** A key that is there and is none of the kind that its place asks for. */
export function wrongKey(key: KeyName, location: string, what: string, cause?: unknown): LifeboatError {
  const wanted = !key.setting.startsWith("keys.sign.")
    ? "a symmetric key for encryption and decryption"
    : "an ECC_NIST_P256 key for signing and verification";
  return new LifeboatError("keys/invalid", `the key ${key.id} (${key.setting}) in ${location} is not ${wanted}: ${what}`, {
    hint: `point ${key.setting} at ${wanted}: it ${key.use}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
