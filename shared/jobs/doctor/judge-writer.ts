import type { DoctorFinding } from "./finding.ts";

/** What a kind of store takes from the promise that the writer cannot read: docs/threat-model.md, "A Kopia repository". */
export function judgeWriter(kind: "directory" | "s3" | "kopia"): readonly DoctorFinding[] {
  if (kind !== "kopia") return [];
  return [
    {
      code: "writer-reads",
      severity: "warning",
      subject: "store",
      message:
        "the store is a Kopia repository, whose one password opens and removes every snapshot in it: whoever backs up can read and delete",
      fix: "use a repository for clusters that one team may read, and keep a copy where the writer cannot reach it (docs/threat-model.md)",
    },
  ];
}
