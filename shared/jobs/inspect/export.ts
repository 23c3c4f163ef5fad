import type { Progress } from "../../progress.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { SnapshotStore } from "../../store/snapshot-store.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { resolveToRestore } from "../../vault/restore-ref.ts";
import type { ToRestore } from "../../vault/restore-ref.ts";
import { requireAsRecorded } from "../verify/verify.ts";

export interface ExportPorts extends JudgePorts {
  readonly snapshots: SnapshotStore;
  readonly progress: Progress;
}

export interface ExportRequest {
  readonly ref: string;
  /** Takes a snapshot that is not good, too, where `ref` names it by its id. */
  readonly unverified?: boolean | undefined;
  /** age identities to open with in place of the key ring's. */
  readonly identities?: readonly string[];
  readonly signal?: AbortSignal;
  /**
   * Takes the snapshot's bytes. They count only when the iteration ends without an error: what was written must be thrown away otherwise.
   */
  readonly write: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

/**
 * Opens a good snapshot into `write`, every digest checked before the end: the bytes as etcd sent them, so that `etcdutl snapshot restore` checks its hash. Which one that is, and what
 * is refused, says `resolveToRestore`.
 */
export async function exportSnapshot(ports: ExportPorts, request: ExportRequest): Promise<ToRestore> {
  const found = await resolveToRestore(ports, request.ref, request);
  const { manifest } = found;
  const hasher = new SnapshotHasher();
  ports.progress.phase("export", manifest.snapshot.bytes);
  async function* checked(): AsyncGenerator<Uint8Array, void, undefined> {
    const { bytes } = manifest.snapshot;
    const opened = ports.snapshots.open(manifest, manifest.stored, { bytes, identities: request.identities, signal: request.signal });
    for await (const chunk of hasher.through(opened)) {
      ports.progress.advance(chunk.length);
      yield chunk;
    }
    requireAsRecorded(manifest, hasher.finish());
  }
  await request.write(checked());
  return found;
}
