/** What others have to know of the audit, which is in a stack of its own: they name its alarms, and import nothing. */

/** Its alarms. Their names are no cluster's alarms', whatever it is called. */
export function auditAlarmNames(serviceName: string): Readonly<Record<"errors" | "findings" | "notReady" | "drills", string>> {
  return {
    errors: `${serviceName}-audit-errors`,
    findings: `${serviceName}-audit-findings`,
    notReady: `${serviceName}-audit-not-ready`,
    drills: `${serviceName}-audit-drills`,
  };
}
