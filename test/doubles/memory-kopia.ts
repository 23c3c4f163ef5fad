import { randomBytes } from "node:crypto";
import type { Block } from "../../shared/blocks.ts";
import type { Clock } from "../../shared/clock.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { interrupted } from "../../shared/store/body-reader.ts";
import type {
  Kopia,
  KopiaSnapshot,
  KopiaStatus,
  KopiaUpload,
  MaintenanceInfo,
  SnapshotInput,
} from "../../shared/store/kopia/program/kopia.ts";

/** What a repository holds, whoever opens it. */
export class MemoryRepository {
  readonly uniqueId = randomBytes(32).toString("hex");
  password: string | undefined;
  readonly snapshots: KopiaSnapshot[] = [];
  /** Content by object. */
  readonly contents = new Map<string, Buffer>();
  /** Uploads that nobody has ended or killed. */
  readonly running = new Set<MemoryUpload>();
  /** What the owner's commands were, in order. */
  readonly calls: string[] = [];
  owner = "";
}

/** A Kopia repository in memory, as the program answers for it. A wrong password, a missing or damaged object fail as they do there. */
export class MemoryKopia implements Kopia {
  readonly location = "memory";
  readonly #repository: MemoryRepository;
  readonly #password: string;
  readonly #clock: Clock;

  constructor(repository: MemoryRepository, password: string, clock: Clock) {
    this.#repository = repository;
    this.#password = password;
    this.#clock = clock;
  }

  create(): Promise<void> {
    if (this.#repository.password !== undefined)
      return Promise.reject(new LifeboatError("store/exists", "there is a repository in memory"));
    this.#repository.password = this.#password;
    this.#repository.calls.push("create");
    return Promise.resolve();
  }

  async #open(): Promise<void> {
    if (this.#repository.password === undefined) throw new LifeboatError("store/missing", "there is no repository in memory");
    if (this.#repository.password !== this.#password)
      throw new LifeboatError("keys/no-match", "the password is not that of the repository in memory");
  }

  async status(): Promise<KopiaStatus> {
    await this.#open();
    return {
      uniqueId: this.#repository.uniqueId,
      storage: { type: "memory" },
      splitter: "FIXED-128K",
      hash: "BLAKE2B-256-128",
      encryption: "AES256-GCM-HMAC-SHA256",
      volume: undefined,
      blobRetention: undefined,
    };
  }

  async setPolicy(): Promise<void> {
    await this.#open();
    this.#repository.calls.push("policy");
  }

  async setRetention(): Promise<void> {
    await this.#open();
    this.#repository.calls.push("retention");
  }

  async setOwner(): Promise<void> {
    await this.#open();
    this.#repository.owner = "backup@etcd-lifeboat";
    this.#repository.calls.push("owner");
  }

  async snapshotCreate(input: SnapshotInput, signal?: AbortSignal): Promise<KopiaUpload> {
    await this.#open();
    const upload = new MemoryUpload(this.#repository, input, this.#clock, signal);
    this.#repository.running.add(upload);
    return upload;
  }

  async list(tags: Readonly<Record<string, string>>): Promise<readonly KopiaSnapshot[]> {
    await this.#open();
    const fits = (each: KopiaSnapshot): boolean => Object.entries(tags).every(([name, value]) => each.tags[name] === value);
    return this.#repository.snapshots.filter(fits);
  }

  async *show(object: string, file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    await this.#open();
    const content = this.#repository.contents.get(object);
    const isListed = this.#repository.snapshots.some((each) => each.object === object);
    if (content === undefined || !isListed) throw new LifeboatError("verify/missing", `${object}/${file} is not in memory`);
    for (let offset = 0; offset < content.length; offset += 65_536) {
      if (signal?.aborted === true) throw interrupted("kopia show", signal);
      yield content.subarray(offset, offset + 65_536);
    }
  }

  async verify(ids: readonly string[]): Promise<void> {
    await this.#open();
    for (const id of ids)
      if (!this.#repository.snapshots.some((each) => each.id === id)) throw new LifeboatError("verify/missing", `${id} is not in memory`);
  }

  async delete(id: string): Promise<void> {
    await this.#open();
    const at = this.#repository.snapshots.findIndex((each) => each.id === id);
    if (at < 0) throw new LifeboatError("verify/missing", `${id} is not in memory`);
    this.#repository.snapshots.splice(at, 1);
  }

  pin(id: string, name: string): Promise<void> {
    return this.#change(id, (pins) => [...pins.filter((each) => each !== name), name]);
  }

  unpin(id: string, name: string): Promise<void> {
    return this.#change(id, (pins) => pins.filter((each) => each !== name));
  }

  async maintenanceInfo(): Promise<MaintenanceInfo> {
    await this.#open();
    return {
      owner: this.#repository.owner,
      quick: { enabled: true, intervalMs: 3_600_000 },
      full: { enabled: true, intervalMs: 86_400_000 },
      extendObjectLocks: false,
      nextQuick: undefined,
      nextFull: undefined,
      runs: [],
    };
  }

  async maintenanceRun(mode: "quick" | "full"): Promise<void> {
    await this.#open();
    this.#repository.calls.push(`maintenance ${mode}`);
  }

  /** Nothing in memory could be copied to: tests of copies run the program. */
  syncTo(): Promise<void> {
    return Promise.reject(new Error("no test copies a repository in memory"));
  }

  blobStats(): Promise<{ count: number; bytes: number }> {
    const contents = [...this.#repository.contents.values()];
    return Promise.resolve({ count: contents.length, bytes: contents.reduce((sum, { length }) => sum + length, 0) });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** As the program does: a snapshot whose pins change has another id then. */
  async #change(id: string, pinsOf: (pins: readonly string[]) => readonly string[]): Promise<void> {
    await this.#open();
    const at = this.#repository.snapshots.findIndex((each) => each.id === id);
    const found = this.#repository.snapshots[at];
    if (found === undefined) throw new LifeboatError("verify/missing", `${id} is not in memory`);
    this.#repository.snapshots[at] = { ...found, id: randomBytes(16).toString("hex"), pins: pinsOf(found.pins) };
  }
}

class MemoryUpload implements KopiaUpload {
  readonly #repository: MemoryRepository;
  readonly #input: SnapshotInput;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #taken: Buffer[] = [];

  constructor(repository: MemoryRepository, input: SnapshotInput, clock: Clock, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#input = input;
    this.#clock = clock;
    this.#signal = signal;
  }

  write(block: Block): Promise<void> {
    this.#taken.push(Buffer.from(block.bytes));
    block.release();
    return this.#signal?.aborted === true ? Promise.reject(interrupted("kopia", this.#signal)) : Promise.resolve();
  }

  end(): Promise<KopiaSnapshot> {
    this.#repository.running.delete(this);
    if (this.#signal?.aborted === true) return Promise.reject(interrupted("kopia", this.#signal));
    const content = Buffer.concat(this.#taken);
    const object = `k${randomBytes(16).toString("hex")}`;
    this.#repository.contents.set(object, content);
    const now = this.#clock.now();
    const snapshot: KopiaSnapshot = {
      id: randomBytes(16).toString("hex"),
      source: { userName: "backup", host: "etcd-lifeboat", path: this.#input.source },
      startTime: now,
      endTime: now,
      object,
      bytes: content.length,
      files: 1,
      incomplete: undefined,
      tags: this.#input.tags,
      pins: [],
    };
    this.#repository.snapshots.push(snapshot);
    return Promise.resolve(snapshot);
  }

  kill(): Promise<void> {
    this.#repository.running.delete(this);
    return Promise.resolve();
  }
}
