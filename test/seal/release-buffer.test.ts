import { describe, expect, test } from "vitest";
import { releaseBuffer } from "../../shared/seal/release-buffer.ts";

describe("releaseBuffer", () => {
  test("takes the memory of a large buffer away at once, also by a view of a part of it", () => {
    const whole = new Uint8Array(1024 * 1024);
    releaseBuffer(new Uint8Array(whole.buffer, 16, 32));
    expect(whole.length).toBe(0);
    expect(whole.buffer.byteLength).toBe(0);
  });

  test("takes a small buffer that fills its memory", () => {
    const small = new Uint8Array(32);
    releaseBuffer(small);
    expect(small.length).toBe(0);
  });

  test("leaves alone what lies in the pool that all of Node's buffers share", () => {
    const pooled = Buffer.from("a neighbour in the pool");
    expect(pooled.buffer.byteLength).toBe(Buffer.poolSize);
    releaseBuffer(pooled);
    expect(pooled.toString()).toBe("a neighbour in the pool");
  });

  test("has nothing to do a second time", () => {
    const whole = new Uint8Array(1024 * 1024);
    releaseBuffer(whole);
    expect(() => releaseBuffer(whole)).not.toThrow();
  });
});
