import type { JsonDocument } from "../shared/contract/documents.ts";
import type { PinFault, PinState } from "../shared/vault/pins.ts";
import { formatTime, printable } from "./format.ts";

/** What a person reads, and what JSON has, of whether a snapshot is pinned. */

/** In a table: nothing where nobody pinned it. */
export function wordForPin({ isPinned }: PinState): string {
  return isPinned === undefined ? "not known" : isPinned ? "pinned" : "";
}

export function explainPin({ isPinned, counts }: PinState): string {
  if (isPinned === undefined) return "not known, so it is kept as if it were";
  if (counts === undefined) return "no";
  const { at, by, reason } = counts.pin;
  return `${isPinned ? "yes, since" : "no more, since"} ${formatTime(at)} by ${printable(by)}: ${printable(reason)}`;
}

export function pinJson({ isPinned, counts }: PinState): Pick<JsonDocument<"show">, "pinned" | "pin"> {
  if (counts === undefined) return { pinned: isPinned ?? null, pin: null };
  const { number, pinned, by, at, reason, signer } = counts.pin;
  return { pinned: isPinned ?? null, pin: { number, pinned, by, at, reason, fingerprint: signer.fingerprint } };
}

export function badPinsJson(faults: readonly PinFault[]): JsonDocument<"show">["badPins"] {
  return faults.map(({ key, code, message }) => ({ key, code, message }));
}

/** Whether a person should find out who did it: not of what only a later version, or another role, may read. */
export function isSuspicious({ code, isOfLaterVersion }: PinFault): boolean {
  return code !== "store/denied" && isOfLaterVersion !== true;
}
