/** What alarms and notices say of docs/runbook.md, in which a test finds each of these headings. */
export const HEADINGS = {
  failed: "Alarm: a backup failed",
  unproven: "Alarm: a backup is unproven",
  quarantined: "Alarm: a backup was quarantined",
  silent: "Alarm: no backup ran",
  rpo: "Alarm: the newest good backup is too old",
  notVerified: "Alarm: no backup was verified",
  verifyFailed: "Alarm: a verification failed",
  replica: "Alarm: a replica was not filled",
  dissent: "Alarm: a member dissents",
  lineage: "Alarm: a new lineage began",
  undelivered: "Alarm: a scheduled start was not delivered",
  key: "Alarm: a key cannot be used",
  certificate: "Alarm: a certificate runs out",
  duration: "Alarm: a run takes nearly as long as it may",
  waits: "Alarm: a removal waits for a person",
  order: "Alarm: what is to go could not be ordered",
  stuck: "Alarm: nobody follows the orders to remove",
  keeper: "Alarm: the keeper failed",
  refused: "Alarm: a removal was refused",
  maintenance: "Alarm: the maintenance of the Kopia repository failed",
  bundle: "Alarm: a restore bundle was made",
  desk: "Alarm: the desk failed",
  drill: "Alarm: a drill failed",
  drillOverdue: "Alarm: a drill is overdue",
  notReady: "Alarm: a cluster is not ready",
  auditFound: "Alarm: the audit found errors",
  auditFailed: "Alarm: the audit failed, or did not run",
  missed: "Alarm: a cluster of the fleet is missed",
  fleet: "Alarm: the fleet could not be planned",
  lists: "Alarm: a list of the fleet is not believed",
  storage: "Alarm: storage grows past the forecast",
  removal: "A notice says that retention needs a person",
  attention: "A notice says that a backup needs a person",
} as const;

export type Heading = (typeof HEADINGS)[keyof typeof HEADINGS];

/** By the part of an error's code before the slash; any other is HEADINGS.failed. */
export const headingOfFamily: Readonly<Record<string, Heading>> = { keys: HEADINGS.key, verify: HEADINGS.verifyFailed };

/** The heading's address below that of docs/runbook.md. */
export function runbookLink(address: string | undefined, heading: Heading): string {
  return `${address ?? "docs/runbook.md"}#${anchorOf(heading)}`;
}

/** As GitHub makes anchors of headings. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}
