import { crc32 } from "node:zlib";
import type { Clock } from "../../shared/clock.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { requireKey, requirePrefix } from "../../shared/store/blob-key.ts";
import type { BlobInfo, BlobStore, ByteRange, PutOptions, PutReceipt, ReadOptions, UnfinishedPut } from "../../shared/store/blob-store.ts";
import { BodyReader, throwIfAborted, untilAborted } from "../../shared/store/body-reader.ts";
import { requireRange } from "../../shared/store/byte-range.ts";

export type StoreCall = "put" | "get" | "head" | "checksum" | "list" | "remove" | "listUnfinished" | "removeUnfinished";

/** What goes wrong in a call. */
export type Fault =
  /** The call fails; a put or get once `atByte` bytes of it went through (default 0: before the first). */
  | { readonly kind: "error"; readonly error?: LifeboatError; readonly atByte?: number }
  /** A put is acknowledged whole, and only its first `bytes` are kept. */
  | { readonly kind: "short-write"; readonly bytes: number }
  /** The call waits so long on the clock before it begins. */
  | { readonly kind: "delay"; readonly ms: number }
  /** A put or remove takes effect, and the caller sees `store/failed`. */
  | { readonly kind: "lost-acknowledgement" };

export interface Injected {
  readonly call: StoreCall;
  /** Which keys (for `list`: which prefixes) it hits. */
  readonly key: RegExp;
  /** How many calls it hits: 1 unless told. */
  readonly times?: number;
  readonly fault: Fault;
}

const MEANT_FOR: Readonly<Record<Fault["kind"], readonly StoreCall[]>> = {
  error: ["put", "get", "head", "checksum", "list", "remove", "listUnfinished", "removeUnfinished"],
  "short-write": ["put"],
  delay: ["put", "get", "head", "checksum", "list", "remove"],
  "lost-acknowledgement": ["put", "remove"],
};

const CHUNK_BYTES = 256 * 1024;

interface Kept {
  readonly bytes: Uint8Array;
  readonly modified: Date;
}

/** A BlobStore in memory that counts its calls and fails as it is told to. A fault or option that it does not know is a TypeError. */
export class MemoryBlobStore implements BlobStore {
  readonly location = "memory";
  /** Of all gets, as far as they were read. */
  bytesRead = 0;
  readonly calls: Record<StoreCall, number> = {
    put: 0,
    get: 0,
    head: 0,
    checksum: 0,
    list: 0,
    remove: 0,
    listUnfinished: 0,
    removeUnfinished: 0,
  };
  /** What is there, for a test to look at and to tamper with. */
  readonly objects = new Map<string, Kept>();
  /** Bytes that the put under way has taken. */
  receivedBytes = 0;
  /** Reads that were begun and neither ended nor left. */
  openReads = 0;
  readonly #clock: Clock;
  readonly #unfinished = new Map<string, UnfinishedPut>();
  #begun = 0;
  #faults: { readonly injected: Injected; left: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  inject(injected: Injected): void {
    if (!MEANT_FOR[injected.fault.kind].includes(injected.call))
      throw new TypeError(`${injected.call} knows no fault ${injected.fault.kind}`);
    const atByte = injected.fault.kind === "error" ? injected.fault.atByte : undefined;
    if (atByte !== undefined && injected.call !== "put" && injected.call !== "get")
      throw new TypeError(`${injected.call} has no bytes to fail at`);
    this.#faults.push({ injected, left: injected.times ?? 1 });
  }

  /** The faults that have not hit as often as they were to: a test ends with none. */
  get pendingFaults(): readonly Injected[] {
    return this.#faults.map(({ injected }) => injected);
  }

  /** As a process that died in the middle of a put leaves it. */
  leaveUnfinished(bytes: number, modified: Date): string {
    this.#begun += 1;
    const id = `put-${this.#begun}`;
    this.#unfinished.set(id, { id, bytes, modified });
    return id;
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<PutReceipt> {
    const doing = `put of ${key} in ${this.location}`;
    const reader = new BodyReader(body, doing, options.signal);
    const id = this.leaveUnfinished(0, this.#clock.now());
    try {
      this.calls.put += 1;
      requireKnown(options, ["ifAbsent", "signal"]);
      requireKey(key, this.location);
      throwIfAborted(doing, options.signal);
      const faults = await this.#faultsOf("put", key, options.signal);
      const bytes = await this.#receive(
        reader,
        faults.find((fault) => fault.kind === "error"),
        key,
      );
      throwIfAborted(doing, options.signal);
      if (!this.#unfinished.has(id)) throw new LifeboatError("store/failed", `${doing} was thrown away before it was done`);
      if (options.ifAbsent === true && this.objects.has(key))
        throw new LifeboatError("store/exists", `${key} is already in ${this.location}`);
      const modified = this.#clock.now();
      const short = faults.find((fault) => fault.kind === "short-write");
      this.objects.set(key, { bytes: short === undefined ? bytes : bytes.slice(0, short.bytes), modified });
      this.#loseAcknowledgement(faults, `put of ${key}`);
      return { key, bytes: bytes.length };
    } finally {
      this.#unfinished.delete(id);
      await reader.close();
    }
  }

  async *get(key: string, options: ReadOptions & { readonly range?: ByteRange } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    this.calls.get += 1;
    requireKnown(options, ["range", "version", "signal"]);
    requireKey(key, this.location);
    const { range, signal } = options;
    if (range !== undefined) requireRange(range, key, this.location);
    const doing = `reading ${key} in ${this.location}`;
    throwIfAborted(doing, signal);
    const error = (await this.#faultsOf("get", key, signal)).find((fault) => fault.kind === "error");
    const failAt = error?.atByte ?? (error === undefined ? Infinity : 0);
    // Whether it is there is not known then.
    if (error !== undefined && failAt === 0) throw errorOf(error, `reading ${key}`);
    const bytes = this.#require(key).bytes.subarray(range?.start ?? 0, range?.end);
    this.openReads += 1;
    try {
      for (let start = 0; start < Math.min(bytes.length, failAt); start += CHUNK_BYTES) {
        const chunk = bytes.slice(start, Math.min(start + CHUNK_BYTES, failAt));
        this.bytesRead += chunk.length;
        yield chunk;
        throwIfAborted(doing, signal);
      }
      if (error !== undefined) throw errorOf(error, `reading ${key}`);
    } finally {
      this.openReads -= 1;
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    this.calls.head += 1;
    requireKey(key, this.location);
    await this.#failIfTold("head", key);
    const kept = this.objects.get(key);
    return kept === undefined ? undefined : { key, bytes: kept.bytes.length, modified: kept.modified };
  }

  async checksum(key: string, options: ReadOptions = {}): Promise<number> {
    this.calls.checksum += 1;
    requireKnown(options, ["version", "signal"]);
    const { signal } = options;
    requireKey(key, this.location);
    throwIfAborted(`reading ${key} in ${this.location}`, signal);
    await this.#failIfTold("checksum", key, signal);
    return crc32(this.#require(key).bytes);
  }

  async *list(prefix: string, options: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobInfo, void, undefined> {
    this.calls.list += 1;
    requireKnown(options, ["signal"]);
    requirePrefix(prefix, this.location);
    throwIfAborted(`listing ${this.location}`, options.signal);
    await this.#failIfTold("list", prefix, options.signal);
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    for (const key of keys) {
      const kept = this.objects.get(key);
      if (kept !== undefined) yield { key, bytes: kept.bytes.length, modified: kept.modified };
    }
  }

  async remove(key: string): Promise<void> {
    this.calls.remove += 1;
    requireKey(key, this.location);
    const faults = await this.#faultsOf("remove", key);
    const error = faults.find((fault) => fault.kind === "error");
    if (error !== undefined) throw errorOf(error, `remove of ${key}`);
    this.objects.delete(key);
    this.#loseAcknowledgement(faults, `remove of ${key}`);
  }

  async *listUnfinished(): AsyncGenerator<UnfinishedPut, void, undefined> {
    this.calls.listUnfinished += 1;
    await this.#failIfTold("listUnfinished", "");
    yield* this.#unfinished.values();
  }

  async removeUnfinished(id: string): Promise<void> {
    this.calls.removeUnfinished += 1;
    await this.#failIfTold("removeUnfinished", id);
    this.#unfinished.delete(id);
  }

  removeAbandoned(): Promise<number> {
    return Promise.resolve(0);
  }

  async #receive(reader: BodyReader, error: ErrorFault | undefined, key: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    this.receivedBytes = 0;
    const failAt = error?.atByte ?? (error === undefined ? Infinity : 0);
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      if (error !== undefined && this.receivedBytes + chunk.length > failAt) throw errorOf(error, `put of ${key}`);
      chunks.push(Uint8Array.from(chunk));
      this.receivedBytes += chunk.length;
    }
    if (error !== undefined) throw errorOf(error, `put of ${key}`);
    return Buffer.concat(chunks);
  }

  /** The faults that hit this call, used up; its delays are over when it resolves. */
  async #faultsOf(call: StoreCall, key: string, signal?: AbortSignal): Promise<readonly Fault[]> {
    const hits = this.#faults.filter(({ injected }) => injected.call === call && injected.key.test(key));
    for (const hit of hits) hit.left -= 1;
    this.#faults = this.#faults.filter(({ left }) => left > 0);
    const faults = hits.map(({ injected }) => injected.fault);
    for (const fault of faults) {
      if (fault.kind === "delay") await this.#wait(fault.ms, `${call} of ${key} in ${this.location}`, signal);
    }
    return faults;
  }

  async #wait(ms: number, doing: string, signal: AbortSignal | undefined): Promise<void> {
    let cancel = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      cancel = this.#clock.after(ms, resolve);
    });
    try {
      await untilAborted(over, doing, signal);
    } finally {
      cancel();
    }
  }

  async #failIfTold(call: StoreCall, key: string, signal?: AbortSignal): Promise<void> {
    const error = (await this.#faultsOf(call, key, signal)).find((fault) => fault.kind === "error");
    if (error !== undefined) throw errorOf(error, `${call} of ${key}`);
  }

  #loseAcknowledgement(faults: readonly Fault[], doing: string): void {
    if (faults.some(({ kind }) => kind === "lost-acknowledgement")) {
      throw new LifeboatError("store/failed", `${doing} in ${this.location}: the connection was lost before the answer came (injected)`);
    }
  }

  #require(key: string): Kept {
    const kept = this.objects.get(key);
    if (kept === undefined) throw new LifeboatError("verify/missing", `${key} is not in ${this.location}`);
    return kept;
  }
}

type ErrorFault = Extract<Fault, { kind: "error" }>;

function errorOf(fault: ErrorFault, doing: string): LifeboatError {
  return fault.error ?? new LifeboatError("store/failed", `${doing} in memory failed (injected)`);
}

function requireKnown(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`the memory store does not know the option ${unknown}`);
}
