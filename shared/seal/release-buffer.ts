/**
 * Frees the memory of a buffer that nobody but the caller knows, at once; its views are empty afterwards, and one that is
 * empty has nothing to free. For the large buffers that node:zlib and node:crypto make at every call: the garbage collector
 * takes them for small objects, and lets some 64 MB of them gather.
 */
export function releaseBuffer(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const { buffer } = bytes;
  // Small ones may lie in a pool that all of Node's buffers share, where each has less than half.
  const isOurs = buffer.byteLength > Buffer.poolSize || bytes.length === buffer.byteLength;
  if (isOurs && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
