/** Numbers that look random and are the same for the same seed (mulberry32, public domain, Tommy Ettinger). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 2^32. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.uint32() % (high - low + 1));
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.uint32() % items.length] ?? items[0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
    for (let offset = 0; offset < bytes.length; offset += 4) bytes.writeUInt32LE(this.uint32(), offset);
    return bytes.subarray(0, length);
  }

  /** Lower-case letters and digits, as Kubernetes ends generated names. */
  suffix(length: number): string {
    return Array.from({ length }, () => "bcdfghjklmnpqrstvwxz2456789"[this.uint32() % 27]).join("");
  }

  uid(): string {
    const hex = this.bytes(16).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
