import { isLifeboatError } from "../../errors.ts";
import { STORE_KEY } from "../../documents/layout.ts";
import { judgePlace } from "../../vault/place/judge-place.ts";
import type { PlaceFacts } from "../../vault/place/judge-place.ts";
import type { DoctorFinding } from "./finding.ts";

/** Whether the place of a store has its marker, and the right one. A folder that is not there, and need not be, is judged with the folder. */
export function judgeMarker(subject: string, place: PlaceFacts): readonly DoctorFinding[] {
  const refusal = judgePlace(place, true);
  if (refusal !== undefined)
    return [{ code: "store-refused", severity: "problem", subject, message: refusal.message, fix: refusal.hint ?? "mount the right disk" }];
  const { marker, isThere, location } = place;
  if (isLifeboatError(marker)) {
    const message = `${STORE_KEY} in ${location}, which marks the store, may not be read by this role: ${marker.message}`;
    const fix = `allow s3:GetObject on ${STORE_KEY}, and the role that backs up s3:PutObject too (docs/threat-model.md)`;
    return [{ code: "store-unmarked", severity: "warning", subject, message, fix }];
  }
  if (marker === "absent") {
    if (!isThere) return [];
    const message = `${location} has no ${STORE_KEY} yet, so an empty folder or bucket in its place would not be noticed`;
    return [{ code: "store-unmarked", severity: "info", subject, message, fix: "run a backup: it marks the store" }];
  }
  if (marker.doubt === undefined) return [];
  const fix = marker.doubt.hint ?? `find out who wrote it; remove ${STORE_KEY}, and the next backup makes another`;
  return [{ code: "store-unmarked", severity: "warning", subject, message: marker.doubt.message, fix }];
}
