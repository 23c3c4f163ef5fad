import type { BucketFacts, LifecycleRule } from "../../store/store-inspector.ts";
import { isUnreadable } from "../../unreadable.ts";
import type { DoctorFinding } from "./finding.ts";
import { quoted, s3api } from "./s3api.ts";

/** Storage classes whose objects must be brought back before they can be read. */
const ASLEEP = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** What a bucket's lifecycle does to snapshots, and does not do to uploads that nobody finished. */
export function judgeLifecycle(subject: string, facts: BucketFacts): DoctorFinding[] {
  const { lifecycle, prefix } = facts;
  if (isUnreadable(lifecycle)) return [];
  const found: DoctorFinding[] = [];
  for (const { id, removes, movesTo } of lifecycle.filter((rule) => touches(rule, prefix))) {
    if (removes.includes("objects")) {
      found.push({
        code: "lifecycle-removes",
        severity: "problem",
        subject,
        message: `its lifecycle rule ${id} removes snapshots by their age, the last good one too, and the custody log with them`,
        fix: `take that expiration away, or keep it from ${prefix}clusters/: ${s3api(facts, "get-bucket-lifecycle-configuration")}`,
      });
    }
    const asleep = movesTo.filter((each) => ASLEEP.has(each));
    if (asleep.length > 0) {
      found.push({
        code: "lifecycle-moves",
        severity: "warning",
        subject,
        message: `its lifecycle rule ${id} moves objects to ${asleep.join(", ")}: what is there cannot be read for hours, nor verified`,
        fix: "move what must be read in a disaster to GLACIER_IR at most",
      });
    }
  }
  if (!lifecycle.some((rule) => rule.abortsUploadsAfterDays !== undefined && !rule.isNarrowed && prefix.startsWith(rule.prefix))) {
    const rule = {
      ID: "unfinished-uploads",
      Status: "Enabled",
      Filter: { Prefix: prefix },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    };
    const put = s3api(facts, "put-bucket-lifecycle-configuration", `--lifecycle-configuration ${quoted({ Rules: [rule] })}`);
    found.push({
      code: "uploads-kept",
      severity: "warning",
      subject,
      message: "no lifecycle rule removes unfinished uploads: they cost money, and only lifeboat orphans lists them",
      fix: lifecycle.length === 0 ? put : `${put} (with the existing rules: that call replaces all of them)`,
    });
  }
  return found;
}

function touches(rule: LifecycleRule, prefix: string): boolean {
  const ours = `${prefix}clusters/`;
  return ours.startsWith(rule.prefix) || rule.prefix.startsWith(ours);
}
