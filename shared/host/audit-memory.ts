/** What this host remembers of audits of one store, a text for each name. The adapter is files/audit-folder.ts. It is no more than a help: nothing fails where it cannot be read or written. */
export interface AuditMemory {
  /** What was kept last, whole; undefined where there is nothing, or it is damaged. */
  recall(name: string): Promise<string | undefined>;
  /** Never throws. */
  keep(name: string, text: string): Promise<void>;
}
