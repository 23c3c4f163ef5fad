import type { ReadThrough, SnapshotInput } from "../../input/snapshot-input.ts";
import type { Progress } from "../../progress.ts";
import { SnapshotScanner } from "../../snapshot/scan.ts";
import type { ScanOptions } from "../../snapshot/scan.ts";
import type { ScanResult } from "../../snapshot/scan-result.ts";

/** Scans all of `input`, as a phase of `progress`. Throws what the input throws. */
export function scanInput(
  input: SnapshotInput,
  options: ScanOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReadThrough<ScanResult>> {
  progress.phase("read", input.bytes);
  const scanner = new SnapshotScanner(options);
  return input.readAll(
    {
      update(chunk) {
        scanner.update(chunk);
        progress.advance(chunk.length);
      },
      finish: () => scanner.finish(),
    },
    signal,
  );
}
