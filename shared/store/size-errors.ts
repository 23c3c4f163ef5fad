import { LifeboatError } from "../errors.ts";
import type { SnapshotName } from "./snapshot-store.ts";
import { DAMAGED } from "./stored-object.ts";

/** What every snapshot store says of a snapshot that is too large. */

export function tooLarge(
  { cluster, id }: SnapshotName,
  what: string,
  maxBytes: number,
  code: "verify/size" | "config/invalid",
): LifeboatError {
  return new LifeboatError(code, `${cluster}/${id} is larger than maxDatabaseSize allows: ${what}, and ${maxBytes} are the most`, {
    hint: "if the database is meant to be so large, raise maxDatabaseSize in the configuration",
  });
}

export function opensToMore({ cluster, id }: SnapshotName, bytes: number, cause?: LifeboatError): LifeboatError {
  return new LifeboatError("verify/size", `${cluster}/${id} opens to more than ${bytes} bytes that its manifest says`, {
    hint: DAMAGED,
    ...(cause === undefined ? {} : { cause }),
  });
}
