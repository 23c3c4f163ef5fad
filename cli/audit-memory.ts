import { auditMemory } from "../shared/wire/audit.ts";
import type { AuditMemory } from "../shared/host/audit-memory.ts";
import type { Session } from "./command.ts";
import { ownFolder } from "./code-cache.ts";
import { auditFolderIn } from "./own-folders.ts";

/**
 * What this user's earlier audits of a store read: kept only where no other user can write, since an audit believes it. Undefined where there is no such place, or a disk that takes nothing: then it only takes longer.
 */
export function auditMemoryOf({ surroundings }: Session, location: string): AuditMemory | undefined {
  const place = auditFolderIn(surroundings.environment);
  if (place === undefined) return undefined;
  try {
    const folder = ownFolder(place.base, place.below);
    return folder === undefined ? undefined : auditMemory(folder, location);
  } catch {
    return undefined;
  }
}
