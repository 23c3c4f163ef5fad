import { SnapshotScanner } from "../../../shared/snapshot/scan.ts";
import type { ScanOptions } from "../../../shared/snapshot/scan.ts";
import type { FaultyScan, ScanResult, WholeScan } from "../../../shared/snapshot/scan-result.ts";

/** Used again by each scan: what a scanner kept of it is overwritten. */
let memory = Buffer.alloc(0);

/** `bytes` cut into chunks of `sizes`, over and over, through a scanner that must not keep the memory it was given. */
export function scanned(bytes: Uint8Array, sizes: readonly number[] = [bytes.length], options: ScanOptions = {}): ScanResult {
  const scanner = new SnapshotScanner(options);
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    const part = bytes.subarray(offset, offset + size);
    if (part.length > memory.length) memory = Buffer.alloc(part.length);
    const chunk = memory.subarray(0, part.length);
    chunk.set(part);
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
