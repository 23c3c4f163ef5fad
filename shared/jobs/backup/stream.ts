import type { Block } from "../../blocks.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { EtcdSource, StreamLimits } from "../../etcd/etcd-source.ts";
import type { Progress } from "../../progress.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";
import { SnapshotScanner } from "../../snapshot/scan.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { SnapshotDigests } from "../../snapshot/trailer.ts";
import type { PendingSnapshot, SnapshotName, SnapshotStore } from "../../store/snapshot-store.ts";
import type { SnapshotSource } from "../../etcd/survey.ts";

export interface StreamPorts {
  readonly etcd: EtcdSource;
  readonly snapshots: SnapshotStore;
  readonly progress: Progress;
}

export interface StreamRequest {
  readonly name: SnapshotName;
  /** In the order in which they are tried. */
  readonly sources: readonly SnapshotSource[];
  readonly limits: StreamLimits;
  readonly signal?: AbortSignal;
}

/** A snapshot that was streamed whole, and waits for its commit. */
export interface Streamed {
  readonly pending: PendingSnapshot;
  readonly digests: SnapshotDigests;
  readonly scan: ScanResult;
  readonly source: SnapshotSource;
}

/** Streams from one candidate after the other until one gives a whole snapshot. Only etcd's failures lead to the next member. */
export async function streamFromFirstThatCan(ports: StreamPorts, request: StreamRequest): Promise<Streamed> {
  const failures: LifeboatError[] = [];
  for (const source of request.sources) {
    try {
      return await takeFrom(ports, request, source);
    } catch (error) {
      if (!isLifeboatError(error, "etcd/")) throw error;
      failures.push(error);
      ports.progress.note("warn", error.message);
    }
  }
  const [only] = failures;
  if (only !== undefined && failures.length === 1) throw only;
  throw new LifeboatError(
    only?.code ?? "etcd/no-member",
    `no member of ${request.name.cluster} gave a whole snapshot: ${failures.map((failure) => failure.message).join("; ")}`,
    {
      hint: only?.hint ?? `run lifeboat preflight ${request.name.cluster}`,
      cause: only,
    },
  );
}

async function takeFrom(ports: StreamPorts, request: StreamRequest, source: SnapshotSource): Promise<Streamed> {
  const { endpoint, databaseBytes } = source.status;
  ports.progress.phase("stream", databaseBytes);
  const hasher = new SnapshotHasher();
  const scanner = new SnapshotScanner();
  let digests: SnapshotDigests | undefined;
  let scan: ScanResult | undefined;

  // A wrong trailer is thrown inside the stream, so the store aborts the upload by itself.
  async function* checked(): AsyncGenerator<Block, void, undefined> {
    for await (const block of ports.etcd.snapshot(endpoint, request.limits, request.signal)) {
      ports.progress.advance(block.bytes.length);
      hasher.update(block.bytes);
      scanner.update(block.bytes);
      yield block;
    }
    digests = hasher.finish();
    if (!digests.trailerHolds) {
      throw new LifeboatError(
        "etcd/trailer",
        `the snapshot from ${endpoint} does not match its own trailer: its bytes were changed on the way or at the member`,
        {
          hint: "check that member's disk and memory, and any proxy between",
        },
      );
    }
    scan = scanner.finish();
  }
  const pending = await ports.snapshots.save(request.name, checked(), request.signal);
  if (digests === undefined || scan === undefined) throw new Error("the snapshot store resolved before it had taken the whole snapshot");
  return { pending, digests, scan, source };
}
