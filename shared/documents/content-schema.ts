import { z } from "zod";
import { bytes, hexId } from "./parts.ts";

export const crc32c = z.int().min(0).max(0xffff_ffff);
export const revision = z.int().nonnegative();
/** -1 where nothing was compacted. */
export const compactRevision = z.int().min(-1);
const hashKv = z.looseObject({ revision, compactRevision, hash: crc32c });

/** What the page scan found while the snapshot streamed by. */
export const contentSchema = z.union([
  z.looseObject({
    tree: z.literal("whole"),
    /** As `etcdutl snapshot status` prints them. */
    hash: crc32c,
    revision,
    compactRevision,
    inUseBytes: bytes,
    /** `live` is absent where there were too many entries to keep a record of. */
    keys: z.looseObject({ revisions: z.int().nonnegative(), live: z.int().nonnegative().optional() }),
    /** Absent for the same reason. */
    hashKv: hashKv.optional(),
    /** As bucket `alarm` has them: a restore brings them back. Absent where an older version of lifeboat wrote it. */
    alarms: z.array(z.looseObject({ memberId: hexId, alarm: z.string() })).optional(),
    /** How values that are alive were encrypted by Kubernetes: what the API server calls each provider and key. Absent where an older version wrote it, or there were too many entries. */
    encryption: z.array(z.looseObject({ provider: z.string(), keyName: z.string() })).optional(),
  }),
  z.looseObject({ tree: z.string().startsWith("tree/"), message: z.string() }),
]);

export type Content = z.infer<typeof contentSchema>;
