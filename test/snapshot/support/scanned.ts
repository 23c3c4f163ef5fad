import { SnapshotScanner } from "../../../shared/snapshot/scan.ts";
import type { ScanOptions } from "../../../shared/snapshot/scan.ts";
import type { FaultyScan, ScanResult, WholeScan } from "../../../shared/snapshot/scan-result.ts";

/** `bytes` cut into chunks of `sizes`, over and over, through a scanner that must not keep the memory it was given. */
export function scanned(bytes: Uint8Array, sizes: readonly number[] = [bytes.length], options: ScanOptions = {}): ScanResult {
  const scanner = new SnapshotScanner(options);
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    const chunk = Buffer.from(bytes.subarray(offset, offset + size));
    scanner.update(chunk);
    chunk.fill(0xee);
    offset += size;
  }
  return scanner.finish();
}

/** The same for what must be whole. */
export function wholeScan(bytes: Uint8Array, sizes?: readonly number[], options?: ScanOptions): WholeScan {
  const result = scanned(bytes, sizes, options);
  if (result.tree !== "whole") throw new Error(`the tree is not whole: ${result.tree}: ${result.message}`);
  return result;
}

/** The same for what must not be whole. */
export function faultyScan(bytes: Uint8Array, sizes?: readonly number[], options?: ScanOptions): FaultyScan {
  const result = scanned(bytes, sizes, options);
  if (result.tree === "whole") throw new Error("the tree is called whole");
  return result;
}

/** All that a scan tells, but for what can be asked of it. */
export function facts(result: ScanResult): Omit<WholeScan, "hashKv"> | FaultyScan {
  if (result.tree !== "whole") return result;
  const { hashKv: _, ...rest } = result;
  return rest;
}
