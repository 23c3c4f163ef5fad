import { crc32 } from "node:zlib";
import type { Clock } from "../../shared/clock.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { requireKey, requirePrefix } from "../../shared/store/blob-key.ts";
import type {
  BlobInfo,
  BlobLock,
  BlobStore,
  BlobVersion,
  ByteRange,
  PresignedUrl,
  PresignOptions,
  PutOptions,
  PutReceipt,
  ReadOptions,
  RemoveOptions,
  UnfinishedPut,
} from "../../shared/store/blob-store.ts";
import { BodyReader, throwIfAborted, untilAborted } from "../../shared/store/body-reader.ts";
import { requireRange } from "../../shared/store/byte-range.ts";

const CALLS = [
  "put",
  "get",
  "head",
  "checksum",
  "presign",
  "list",
  "listFolders",
  "listVersions",
  "remove",
  "lockOf",
  "extendLock",
  "listUnfinished",
  "removeUnfinished",
] as const;

export type StoreCall = (typeof CALLS)[number];

/** What goes wrong in a call. */
export type Fault =
  /** The call fails; a put or get once `atByte` bytes of it went through (default 0: before the first). */
  | { readonly kind: "error"; readonly error?: LifeboatError; readonly atByte?: number }
  /** A put is acknowledged whole, and only its first `bytes` are kept. */
  | { readonly kind: "short-write"; readonly bytes: number }
  /** The call waits so long on the clock before it begins. */
  | { readonly kind: "delay"; readonly ms: number }
  /** A put, remove or lock takes effect, and the caller sees `store/failed`. */
  | { readonly kind: "lost-acknowledgement" };

export interface Injected {
  readonly call: StoreCall;
  /** Which keys (for a listing: which prefixes) it hits. */
  readonly key: RegExp;
  /** How many calls it hits: 1 unless told. */
  readonly times?: number;
  readonly fault: Fault;
}

const MEANT_FOR: Readonly<Record<Fault["kind"], readonly StoreCall[]>> = {
  error: CALLS,
  "short-write": ["put"],
  delay: CALLS.filter((call) => !call.endsWith("Unfinished")),
  "lost-acknowledgement": ["put", "remove", "extendLock"],
};

const CHUNK_BYTES = 256 * 1024;
const SEVEN_DAYS_MS = 7 * 86_400_000;

interface Kept {
  readonly bytes: Uint8Array;
  readonly modified: Date;
  /** Of a store with versions. What a test planted has none, and is called "null". */
  readonly version?: string;
  readonly lock?: BlobLock | undefined;
}

/** A version that a later one, or a delete marker, hides. */
type Hidden = Kept & { readonly isDeleteMarker: boolean };

export interface MemoryOptions {
  /** Every put adds a version, and versions can be locked. False by default. */
  readonly versions?: boolean;
  /** It gives addresses, which `open` reads. False by default. */
  readonly urls?: boolean;
}

/** A BlobStore in memory, with versions where it is told to, that counts its calls and fails as it is told to. A fault or option that it does not know is a TypeError. */
export class MemoryBlobStore implements BlobStore {
  readonly location = "memory";
  /** Of all gets, as far as they were read. */
  bytesRead = 0;
  readonly calls: Record<StoreCall, number> = {
    put: 0,
    get: 0,
    head: 0,
    checksum: 0,
    presign: 0,
    list: 0,
    listFolders: 0,
    listVersions: 0,
    remove: 0,
    lockOf: 0,
    extendLock: 0,
    listUnfinished: 0,
    removeUnfinished: 0,
  };
  /** What is there and shown, for a test to look at and to tamper with. */
  readonly objects = new Map<string, Kept>();
  /** When the session ends that signs addresses; undefined for keys that last. */
  sessionEnds: Date | undefined;
  readonly #hasVersions: boolean;
  readonly #hasUrls: boolean;
  /** Of each key what is not shown, the newest last; a delete marker can only be the last, and then nothing is shown. */
  readonly #hidden = new Map<string, Hidden[]>();
  #versions = 0;
  /** Bytes that the put under way has taken. */
  receivedBytes = 0;
  /** Reads that were begun and neither ended nor left. */
  openReads = 0;
  readonly #clock: Clock;
  readonly #unfinished = new Map<string, UnfinishedPut>();
  #begun = 0;
  #faults: { readonly injected: Injected; left: number }[] = [];

  constructor(clock: Clock, { versions = false, urls = false }: MemoryOptions = {}) {
    this.#clock = clock;
    this.#hasUrls = urls;
    this.#hasVersions = versions;
  }

  /** As somebody does who deletes without naming a version: a delete marker. */
  hide(key: string): void {
    if (!this.#hasVersions) throw new TypeError("this store has no versions");
    this.#push(key);
    this.#hiddenOf(key).push({ bytes: new Uint8Array(), modified: this.#clock.now(), version: this.#newVersion(), isDeleteMarker: true });
  }

  /** As a person puts a version on hold, or (`undefined`) takes every lock away, which no call of the store does. */
  setLock(key: string, version: string | undefined, lock: BlobLock | undefined): void {
    this.#change(key, version, (kept) => ({ ...kept, lock }));
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
      const version = this.#hasVersions ? { version: this.#newVersion() } : {};
      if (this.#hasVersions) this.#push(key);
      this.objects.set(key, { bytes: short === undefined ? bytes : bytes.slice(0, short.bytes), modified, ...version });
      this.#loseAcknowledgement(faults, `put of ${key}`);
      return { key, bytes: bytes.length, ...version };
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
    const bytes = this.#require(key, options.version).bytes.subarray(range?.start ?? 0, range?.end);
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

  async head(key: string, options: ReadOptions = {}): Promise<BlobInfo | undefined> {
    this.calls.head += 1;
    requireKnown(options, ["version", "signal"]);
    requireKey(key, this.location);
    await this.#failIfTold("head", key, options.signal);
    const kept = this.#find(key, options.version);
    return kept === undefined ? undefined : infoOf(key, kept);
  }

  async checksum(key: string, options: ReadOptions = {}): Promise<number> {
    this.calls.checksum += 1;
    requireKnown(options, ["version", "signal"]);
    const { signal } = options;
    requireKey(key, this.location);
    throwIfAborted(`reading ${key} in ${this.location}`, signal);
    await this.#failIfTold("checksum", key, signal);
    return crc32(this.#require(key, options.version).bytes);
  }

  async presign(key: string, options: PresignOptions): Promise<PresignedUrl | undefined> {
    this.calls.presign += 1;
    requireKnown(options, ["version", "until", "signal"]);
    requireKey(key, this.location);
    throwIfAborted(`an address for ${key} in ${this.location}`, options.signal);
    await this.#failIfTold("presign", key, options.signal);
    if (!this.#hasUrls) return undefined;
    const ends = [options.until.getTime(), this.#clock.now().getTime() + SEVEN_DAYS_MS, this.sessionEnds?.getTime() ?? Infinity];
    const until = new Date(Math.min(...ends));
    const query = new URLSearchParams({ version: options.version ?? "", until: until.toISOString() });
    return { url: `memory:///${key}?${query.toString()}`, until, mayEndSooner: false };
  }

  /** What an address gives; undefined once it ended. */
  open(address: string): Uint8Array | undefined {
    const { pathname, searchParams } = new URL(address);
    if (this.#clock.now() >= new Date(searchParams.get("until") ?? "")) return undefined;
    return this.#require(pathname.slice(1), searchParams.get("version") || undefined).bytes;
  }

  async *list(prefix: string, options: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobInfo, void, undefined> {
    await this.#beginListing("list", prefix, options);
    for (const key of sorted([...this.objects.keys()], prefix)) {
      const kept = this.objects.get(key);
      if (kept !== undefined) yield { key, bytes: kept.bytes.length, modified: kept.modified };
    }
  }

  async *listFolders(prefix: string, options: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<string, void, undefined> {
    await this.#beginListing("listFolders", prefix, options);
    const keys = sorted([...this.objects.keys()], prefix).filter((key) => key.includes("/", prefix.length));
    yield* new Set(keys.map((key) => key.slice(0, key.indexOf("/", prefix.length) + 1)));
  }

  async *listVersions(prefix: string, options: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobVersion, void, undefined> {
    await this.#beginListing("listVersions", prefix, options);
    const hidden = [...this.#hidden.keys()].filter((key) => !this.objects.has(key));
    const keys = sorted([...this.objects.keys(), ...hidden], prefix);
    // No yield*, which would wait for each of them thrice.
    for (const key of keys) for (const version of this.#versionsOf(key)) yield version;
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<void> {
    this.calls.remove += 1;
    requireKnown(options, ["version", "signal"]);
    requireKey(key, this.location);
    throwIfAborted(`remove of ${key} in ${this.location}`, options.signal);
    const faults = await this.#faultsOf("remove", key, options.signal);
    const error = faults.find((fault) => fault.kind === "error");
    if (error !== undefined) throw errorOf(error, `remove of ${key}`);
    const { version } = options;
    if (version !== undefined && this.#hasVersions) this.#removeNamed(key, version);
    // The oldest first. In a store without versions there is one, whatever it is called.
    else for (const each of this.#versionsOf(key).toReversed()) this.#removeVersion(each);
    this.#loseAcknowledgement(faults, `remove of ${key}`);
  }

  async lockOf(key: string, options: ReadOptions = {}): Promise<BlobLock | undefined> {
    this.calls.lockOf += 1;
    requireKnown(options, ["version", "signal"]);
    requireKey(key, this.location);
    throwIfAborted(`the lock of ${key} in ${this.location}`, options.signal);
    await this.#failIfTold("lockOf", key, options.signal);
    return this.#lockOn(this.#find(key, options.version));
  }

  async extendLock(key: string, version: string | undefined, until: Date, options: Pick<ReadOptions, "signal"> = {}): Promise<Date> {
    this.calls.extendLock += 1;
    requireKnown(options, ["signal"]);
    requireKey(key, this.location);
    throwIfAborted(`a lock on ${key} in ${this.location}`, options.signal);
    const faults = await this.#faultsOf("extendLock", key, options.signal);
    const error = faults.find((fault) => fault.kind === "error");
    if (error !== undefined) throw errorOf(error, `a lock on ${key}`);
    if (!this.#hasVersions) throw new LifeboatError("store/no-locks", `${key} in ${this.location} cannot be locked: it has no locks`);
    const { lock } = this.#require(key, version);
    const end = lock?.until !== undefined && lock.until >= until ? lock.until : until;
    this.#change(key, version, (kept) => ({ ...kept, lock: { until: end, legalHold: lock?.legalHold ?? false } }));
    this.#loseAcknowledgement(faults, `a lock on ${key}`);
    return end;
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
      chunks.push(new Uint8Array(chunk));
      this.receivedBytes += chunk.length;
    }
    if (error !== undefined) throw errorOf(error, `put of ${key}`);
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
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

  async #beginListing(call: "list" | "listFolders" | "listVersions", prefix: string, options: Pick<ReadOptions, "signal">): Promise<void> {
    this.calls[call] += 1;
    requireKnown(options, ["signal"]);
    requirePrefix(prefix, this.location);
    throwIfAborted(`listing ${this.location}`, options.signal);
    await this.#failIfTold(call, prefix, options.signal);
  }

  #newVersion(): string {
    this.#versions += 1;
    return `v${this.#versions}`;
  }

  #hiddenOf(key: string): Hidden[] {
    const hidden = this.#hidden.get(key) ?? [];
    this.#hidden.set(key, hidden);
    return hidden;
  }

  /** Hides what is shown. */
  #push(key: string): void {
    const shown = this.objects.get(key);
    if (shown !== undefined) this.#hiddenOf(key).push({ ...shown, isDeleteMarker: false });
    this.objects.delete(key);
  }

  /** The latest first. */
  #versionsOf(key: string): readonly BlobVersion[] {
    const shown = this.objects.get(key);
    const hidden = this.#hidden.get(key);
    // Most have one version, and logs have tens of thousands of records.
    if (hidden === undefined && shown !== undefined) return [this.#versionOf(key, shown, true, false)];
    const all = [...(hidden ?? []), ...(shown === undefined ? [] : [{ ...shown, isDeleteMarker: false }])];
    return all.map((kept, index) => this.#versionOf(key, kept, index === all.length - 1, kept.isDeleteMarker)).toReversed();
  }

  #versionOf(key: string, kept: Kept, isLatest: boolean, isDeleteMarker: boolean): BlobVersion {
    const { bytes, modified } = kept;
    const named = this.#hasVersions ? nameOf(kept) : kept.version;
    const version = { key, bytes: bytes.length, modified, isLatest, isDeleteMarker };
    return named === undefined ? version : { ...version, version: named };
  }

  /** Nothing where there is no such version. */
  #removeNamed(key: string, version: string): void {
    const shown = this.objects.get(key);
    const hidden = this.#hidden.get(key) ?? [];
    const isShown = shown !== undefined && nameOf(shown) === version;
    const at = hidden.findIndex((each) => nameOf(each) === version);
    if (!isShown && at === -1) return;
    const isLatest = isShown || (shown === undefined && at === hidden.length - 1);
    this.#removeVersion({ key, version, isLatest });
  }

  #removeVersion({ key, version, isLatest }: Pick<BlobVersion, "key" | "version" | "isLatest">): void {
    const lock = this.#lockOn(this.#find(key, version));
    if (lock !== undefined) {
      const until = lock.legalHold ? "by a legal hold, which has no end" : `until ${lock.until?.toISOString()}`;
      throw new LifeboatError("store/locked", `${key} (version ${version}) in ${this.location} is locked ${until}`, { lock });
    }
    const left = (this.#hidden.get(key) ?? []).filter((each) => nameOf(each) !== version);
    if (isLatest) this.objects.delete(key);
    const last = left.at(-1);
    if (isLatest && last?.isDeleteMarker === false) {
      const { isDeleteMarker: _, ...shown } = last;
      left.pop();
      this.objects.set(key, shown);
    }
    if (left.length === 0) this.#hidden.delete(key);
    else this.#hidden.set(key, left);
  }

  #lockOn(kept: Kept | undefined): BlobLock | undefined {
    const lock = kept?.lock;
    if (lock === undefined) return undefined;
    const until = lock.until !== undefined && lock.until > this.#clock.now() ? lock.until : undefined;
    return until === undefined && !lock.legalHold ? undefined : { until, legalHold: lock.legalHold };
  }

  #change(key: string, version: string | undefined, change: (kept: Kept) => Kept): void {
    const shown = this.objects.get(key);
    if (shown !== undefined && (version === undefined || nameOf(shown) === version)) this.objects.set(key, change(shown));
    const hidden = this.#hidden.get(key)?.map((each) => (nameOf(each) === version ? { ...each, ...change(each) } : each));
    if (hidden !== undefined) this.#hidden.set(key, hidden);
  }

  #find(key: string, version: string | undefined): Kept | undefined {
    const shown = this.objects.get(key);
    if (version === undefined || !this.#hasVersions) return shown;
    if (shown !== undefined && nameOf(shown) === version) return shown;
    return this.#hidden.get(key)?.find((each) => nameOf(each) === version && !each.isDeleteMarker);
  }

  #require(key: string, version: string | undefined): Kept {
    const kept = this.#find(key, version);
    if (kept === undefined) throw new LifeboatError("verify/missing", `${key} is not in ${this.location}`);
    return kept;
  }
}

const ASCII = /^[\0-\x7f]*$/;

function sorted(keys: readonly string[], prefix: string): readonly string[] {
  const found = keys.filter((key) => key.startsWith(prefix));
  // By bytes. UTF-16 has the same order as long as nothing beyond ASCII is there, and needs no buffers.
  if (found.every((key) => ASCII.test(key))) return found.toSorted((one, other) => (one < other ? -1 : 1));
  return found.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

function infoOf(key: string, { bytes, modified, version }: Kept): BlobInfo {
  return { key, bytes: bytes.length, modified, ...(version === undefined ? {} : { version }) };
}

function nameOf({ version = "null" }: Kept): string {
  return version;
}

type ErrorFault = Extract<Fault, { kind: "error" }>;

function errorOf(fault: ErrorFault, doing: string): LifeboatError {
  return fault.error ?? new LifeboatError("store/failed", `${doing} in memory failed (injected)`);
}

function requireKnown(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`the memory store does not know the option ${unknown}`);
}
