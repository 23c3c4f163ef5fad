import type { Clock } from "../../clock.ts";
import type { Progress } from "../../progress.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { beginStep } from "./keeper-steps.ts";

export interface SweptUpload {
  readonly id: string;
  readonly bytes: number;
}

/** Throws away uploads to which nothing came for `olderThanMs`. They were never objects, so no order names them. With `dryRun` they are only counted. */
export async function sweepUnfinished(
  { blobs, clock, progress }: { readonly blobs: BlobStore; readonly clock: Clock; readonly progress: Progress },
  { olderThanMs, dryRun, signal }: { readonly olderThanMs: number; readonly dryRun: boolean; readonly signal?: AbortSignal | undefined },
): Promise<readonly SweptUpload[]> {
  const before = clock.now().getTime() - olderThanMs;
  const swept: SweptUpload[] = [];
  for await (const { id, bytes, modified } of blobs.listUnfinished({ signal })) {
    if (modified.getTime() > before) continue;
    throwIfAborted("the sweep of unfinished uploads", signal);
    if (!dryRun) {
      beginStep(progress, "unfinished");
      await blobs.removeUnfinished(id);
    }
    swept.push({ id, bytes });
  }
  return swept;
}
