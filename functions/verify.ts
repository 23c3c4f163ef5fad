import { verifyDeep } from "../shared/jobs/verify.ts";
import type { VerifyOutcome } from "../shared/service.ts";
import { verifyEvent } from "./events.ts";
import { serve } from "./serve.ts";

/** Reads a snapshot back from the store, verifies and countersigns it: BackupOutcome in, VerifyOutcome out (shared/service.ts). */
export const handler = serve({
  schema: verifyEvent,
  failed: "verifyFailed",
  async run({ cluster, id }, { ports, signal }): Promise<{ outcome: VerifyOutcome; measured: { verified: 1 } }> {
    const { countersignature, custody } = await verifyDeep(ports, `${cluster}/${id}`, signal);
    if (countersignature === undefined || custody === undefined) throw new Error("a deep verification left no countersignature");
    return { outcome: { cluster, id, countersignature, custody: `${custody.sequence}:${custody.digest}` }, measured: { verified: 1 } };
  },
});
