import { kopiaDataKey } from "../../documents/layout.ts";
import type { Stored } from "../../documents/stored.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { interrupted } from "../body-reader.ts";
import type { PendingSnapshot } from "../snapshot-store.ts";
import { removeSnapshot, SNAPSHOT_FILE, tagsOf } from "./kopia-snapshots.ts";
import type { Run } from "./kopia-snapshots.ts";
import type { Kopia, KopiaSnapshot, KopiaUpload } from "./program/kopia.ts";

interface Taken {
  readonly run: Run;
  readonly repository: string;
}

export function pendingOf(kopia: Kopia, upload: KopiaUpload, taken: Taken, signal: AbortSignal | undefined): PendingSnapshot {
  const { run, repository } = taken;
  // An interruption ends kopia before anybody decides: nothing is to be left then either.
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => (ended ??= upload.kill());
  const onAbort = (): void => void end();
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    notWrapped: [],
    async commit({ bytes, sha256 }): Promise<Stored> {
      signal?.removeEventListener("abort", onAbort);
      if (signal?.aborted === true) {
        await end();
        throw interrupted(`the backup of ${run.cluster}`, signal);
      }
      const snapshot = await endOf(kopia, upload, { run, bytes }, signal);
      return {
        kind: "kopia",
        key: kopiaDataKey(run.cluster, run.id, run.run),
        bytes,
        sha256,
        repository,
        snapshot: snapshot.id,
        object: `${snapshot.object}/${SNAPSHOT_FILE}`,
      };
    },
    async drop(): Promise<void> {
      signal?.removeEventListener("abort", onAbort);
      await end();
    },
  };
}

/** Where the acknowledgement was lost, what is there decides, as with objects. */
async function endOf(
  kopia: Kopia,
  upload: KopiaUpload,
  { run, bytes }: { readonly run: Run; readonly bytes: number },
  signal: AbortSignal | undefined,
): Promise<KopiaSnapshot> {
  try {
    const snapshot = await upload.end();
    if (snapshot.bytes === bytes) return snapshot;
    throw new LifeboatError("store/failed", `kopia says that it stored ${snapshot.bytes} bytes, and it was given ${bytes}`, {
      hint: "run the backup again; if it stays so, tell which version of kopia it is",
    });
  } catch (error) {
    const there = await kopia.list(tagsOf(run)).catch(() => []);
    const whole = there.find((each) => each.bytes === bytes);
    if (whole !== undefined && signal?.aborted !== true) return whole;
    for (const each of there) await removeSnapshot(kopia, each).catch(() => undefined);
    if (isLifeboatError(error, "interrupted") && signal !== undefined) throw interrupted(`the backup of ${run.cluster}`, signal);
    throw error;
  }
}
