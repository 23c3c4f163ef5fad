import type { Block } from "../../shared/blocks.ts";
import { inBlocks } from "../support/in-blocks.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { hashKvOf } from "../support/snapshots.ts";
import type {
  Alarm,
  Certificate,
  EndpointStatus,
  EtcdSource,
  HashKv,
  Member,
  RangeRequest,
  StreamLimits,
} from "../../shared/etcd/etcd-source.ts";

/** Small beside what a real member's stream comes in: most tests send a few KB, and zeroing 4 MiB for them took a tenth of a backup's time. */
export const BLOCK_BYTES = 64 * 1024;

/** What a member does with one call for its snapshot, in order. */
export type SnapshotStep =
  | { readonly send: Uint8Array }
  | { readonly fail: LifeboatError }
  /** Nothing more comes until the signal aborts. */
  | { readonly hang: true };

/** Its own `memberId` and the revision that is asked for where none is given; a function is told that revision. */
export type HashKvAnswer = LifeboatError | HashKvWords | ((revision: number | "latest") => LifeboatError | HashKvWords);
type HashKvWords = Pick<HashKv, "hash" | "compactRevision"> & Partial<HashKv>;

export interface ScriptedMember {
  /** Its id is `a<number>`, its name `m<number>`, its endpoint `https://m<number>:2379`. */
  readonly number: number;
  /** What is other than a healthy member's (see `HEALTHY`), or the error that its endpoint answers with. */
  readonly status?: Partial<EndpointStatus> | LifeboatError;
  /** Why it would not give a snapshot. */
  readonly permission?: LifeboatError;
  /** Whether a gate stands before it. */
  readonly gated?: boolean;
  /** What it answers to HashKV, in the order of the calls; the last serves all further ones. Left out: it holds what was sent last by any member. */
  readonly hashes?: readonly HashKvAnswer[];
  /** One script per call, in the order of the calls; the last serves all further ones. Left out: it must not be asked. */
  readonly snapshots?: readonly (readonly SnapshotStep[])[];
}

/** A follower in a cluster whose leader is member 1. */
export const HEALTHY = {
  clusterId: "c1",
  version: "3.6.16",
  databaseBytes: 1000,
  revision: 50,
  raftIndex: 100,
  raftAppliedIndex: 100,
  raftTerm: 2,
  leaderId: "a1",
  isLearner: false,
  alarms: [],
  errors: [],
  latencyMs: 2,
} as const satisfies Partial<EndpointStatus>;

export function endpointOf(number: number): string {
  return `https://m${number}:2379`;
}

/** An EtcdSource that plays its script, for what a real etcd cannot be made to do quickly. What it was not told of is a TypeError. */
export class ScriptedEtcd implements EtcdSource {
  readonly endpoints: readonly string[];
  /** Every call so far: `status https://m1:2379`, `hashKv https://m1:2379 50`. */
  readonly asked: string[] = [];
  /** Resolves when a stream hangs. */
  readonly hangs: Promise<void>;
  readonly #members: ReadonlyMap<string, ScriptedMember>;
  readonly #alarms: readonly Alarm[];
  readonly #streams = new Map<string, number>();
  readonly #hashed = new Map<string, number>();
  /** The last snapshot that a member sent to its end. */
  #sent: Uint8Array | undefined;
  readonly #tellHanging: () => void;
  #closed = false;

  /** Each status tells of all `alarms` unless the script says otherwise. */
  constructor(members: readonly ScriptedMember[], alarms: readonly Alarm[] = []) {
    this.endpoints = members.map(({ number }) => endpointOf(number));
    this.#members = new Map(members.map((member) => [endpointOf(member.number), member]));
    this.#alarms = alarms;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.hangs = promise;
    this.#tellHanging = resolve;
  }

  /** Endpoints that a snapshot was asked of, in order. */
  get streamed(): readonly string[] {
    return this.asked.filter((call) => call.startsWith("snapshot ")).map((call) => call.slice("snapshot ".length));
  }

  async status(endpoint: string, signal?: AbortSignal): Promise<EndpointStatus> {
    const { number, status = {} } = this.#answering("status", endpoint, signal, true);
    if (status instanceof LifeboatError) throw status;
    return { endpoint, memberId: `a${number}`, ...HEALTHY, alarms: this.#alarms, ...status };
  }

  async members(endpoint: string, signal?: AbortSignal): Promise<readonly Member[]> {
    const asked = this.#answering("members", endpoint, signal);
    if (isLearner(asked)) throw new LifeboatError("etcd/refused", `${endpoint}: rpc not supported for learner`);
    return [...this.#members.values()].map((member) => ({
      id: `a${member.number}`,
      name: `m${member.number}`,
      peerUrls: [`https://m${member.number}:2380`],
      clientUrls: [endpointOf(member.number)],
      isLearner: isLearner(member),
    }));
  }

  async checkPermission(endpoint: string, signal?: AbortSignal): Promise<void> {
    const { permission } = this.#answering("permission", endpoint, signal);
    if (permission !== undefined) throw permission;
  }

  async isGated(endpoint: string, signal?: AbortSignal): Promise<boolean> {
    const { gated = false } = this.#answering("gate", endpoint, signal);
    return gated;
  }

  async hashKv(
    endpoint: string,
    revision: number | "latest",
    { timeoutMs }: { readonly timeoutMs: number },
    signal?: AbortSignal,
  ): Promise<HashKv> {
    const { number, hashes, ...member } = this.#answering("hashKv", endpoint, signal, false, ` ${revision}`);
    if (!(timeoutMs > 0)) throw new TypeError(`HashKV without a limit was asked of ${endpoint}`);
    if (revision !== "latest" && !(Number.isSafeInteger(revision) && revision > 0))
      throw new TypeError(`HashKV was asked of ${endpoint} at revision ${revision}`);
    if (isLearner({ number, ...member })) throw new LifeboatError("etcd/refused", `${endpoint}: rpc not supported for learner`);
    const scripted = hashes === undefined ? this.#agreed(endpoint) : this.#next(this.#hashed, endpoint, hashes);
    if (scripted === undefined) throw new TypeError(`no HashKV was scripted for ${endpoint}`);
    const answer = typeof scripted === "function" ? scripted(revision) : scripted;
    if (answer instanceof LifeboatError) throw answer;
    const asked = revision === "latest" ? {} : { revision };
    return { memberId: `a${number}`, ...this.#revisionOf(endpoint), ...asked, ...answer };
  }

  /** No script has keys: a real etcd is asked for these. */
  range(endpoint: string, _request: RangeRequest, _signal?: AbortSignal): Promise<never> {
    return Promise.reject(new TypeError(`keys were asked of ${endpoint}`));
  }

  /** What a member of one mind with the others says: it holds what was sent last. */
  #agreed(endpoint: string): HashKvAnswer {
    if (this.#sent === undefined)
      throw new TypeError(`HashKV was asked of ${endpoint}, which has no script for it, before a snapshot was sent`);
    const { hash, compactRevision } = hashKvOf(this.#sent);
    return { hash, compactRevision };
  }

  #revisionOf(endpoint: string): { readonly revision: number } {
    const status = this.#members.get(endpoint)?.status;
    return { revision: (status instanceof LifeboatError ? undefined : status?.revision) ?? HEALTHY.revision };
  }

  async serverCertificate(endpoint: string, signal?: AbortSignal): Promise<Certificate | undefined> {
    const { status } = this.#answering("certificate", endpoint, signal, true);
    if (status instanceof LifeboatError) throw status;
    return { subject: `CN=${endpoint}`, notBefore: new Date("2026-01-01"), notAfter: new Date("2036-01-01") };
  }

  clientCertificate(): Certificate | undefined {
    return undefined;
  }

  snapshot(endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncIterable<Block> {
    return inBlocks(this.#pieces(endpoint, limits, signal), BLOCK_BYTES);
  }

  async *#pieces(endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { snapshots = [] } = this.#answering("snapshot", endpoint, signal);
    if (!(limits.idleMs > 0 && limits.totalMs > 0)) throw new TypeError(`a stream without limits was asked of ${endpoint}`);
    const script = this.#next(this.#streams, endpoint, snapshots);
    if (script === undefined) throw new TypeError(`no snapshot was scripted for ${endpoint}`);
    const sent: Uint8Array[] = [];
    for (const step of script) {
      if ("send" in step) {
        sent.push(step.send);
        yield step.send;
      } else if ("fail" in step) throw step.fail;
      else await this.#hang(endpoint, signal);
      throwIfAborted(endpoint, signal);
    }
    this.#sent = sent.length === 1 ? sent[0] : Buffer.concat(sent);
  }

  renew(endpoint: string): void {
    if (!this.#members.has(endpoint)) throw new TypeError(`a new connection to ${endpoint} was asked for, which is not in the script`);
  }

  close(): void {
    this.#closed = true;
  }

  /** The member behind `endpoint`, which answers unless its script says that it does not. */
  #answering(call: string, endpoint: string, signal: AbortSignal | undefined, alsoSilent = false, about = ""): ScriptedMember {
    this.asked.push(`${call} ${endpoint}${about}`);
    if (this.#closed) throw new TypeError(`${call} was asked after close()`);
    const member = this.#members.get(endpoint);
    if (member === undefined) throw new TypeError(`${call} was asked of ${endpoint}, which is not in the script`);
    throwIfAborted(endpoint, signal);
    if (!alsoSilent && member.status instanceof LifeboatError) throw member.status;
    return member;
  }

  /** Of the scripts for the calls to `endpoint` the one whose turn it is. */
  #next<T>(turns: Map<string, number>, endpoint: string, scripts: readonly T[]): T | undefined {
    const turn = turns.get(endpoint) ?? 0;
    turns.set(endpoint, turn + 1);
    return scripts[Math.min(turn, scripts.length - 1)];
  }

  #hang(endpoint: string, signal: AbortSignal | undefined): Promise<never> {
    if (signal === undefined) throw new TypeError(`the stream from ${endpoint} would hang for ever: no signal was given`);
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(interrupted(endpoint, signal)), { once: true });
      this.#tellHanging();
    });
  }
}

function isLearner({ status }: ScriptedMember): boolean {
  return !(status instanceof LifeboatError) && status?.isLearner === true;
}

function throwIfAborted(endpoint: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted(endpoint, signal);
}

function interrupted(endpoint: string, signal: AbortSignal): LifeboatError {
  return new LifeboatError("interrupted", `the call to ${endpoint} was interrupted`, { cause: signal.reason });
}
