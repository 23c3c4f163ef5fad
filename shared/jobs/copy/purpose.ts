import { isLifeboatError } from "../../errors.ts";
import type { CustodyPorts } from "../../vault/custody/append.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import type { CopyRequest } from "./snapshot.ts";

/** Whose key tells the log of a copy by hand: that of the role that verifies, or where it is not here that of the one that backs up. */
export async function copyingPurpose({ keys, trusted }: CustodyPorts): Promise<CopyRequest["purpose"]> {
  try {
    await requireTrustedKey(keys, trusted, "audit");
    return "audit";
  } catch (error) {
    if (!isLifeboatError(error, "keys/missing", "keys/denied")) throw error;
    await requireTrustedKey(keys, trusted, "snapshot").catch(() => {
      // The audit key is the one that a person is to bring.
      throw error;
    });
    return "snapshot";
  }
}
