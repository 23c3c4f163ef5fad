import { LifeboatError } from "../errors.ts";
import type { ByteRange } from "./blob-store.ts";

/** Throws `store/failed` where `range` is no range of whole offsets. A range after an object's end is one, of no bytes. */
export function requireRange(range: ByteRange, key: string, location: string): void {
  if (Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && range.start >= 0 && range.end >= range.start) return;
  throw new LifeboatError("store/failed", `bytes ${range.start} to ${range.end} are no range of ${key} in ${location}`);
}
