import type { Block } from "../../shared/blocks.ts";
import type {
  Certificate,
  EndpointStatus,
  EtcdSource,
  HashKv,
  Member,
  StreamLimits,
  RangePage,
  RangeRequest,
} from "../../shared/etcd/etcd-source.ts";
import { endpointOf } from "./scripted-etcd.ts";
import type { ScriptedEtcd } from "./scripted-etcd.ts";

/**
 * `grpc-proxy`: each call goes to another member, and it lists itself. `calls`: the same, and the members list themselves. `connections`: each connection goes to another member,
 * a stream's too.
 */
export type Spreading = "grpc-proxy" | "calls" | "connections";

export const ONE_NAME = "https://etcd.example:2379";

/** One endpoint before the scripted members `numbers`, which take turns. */
export class BehindOneName implements EtcdSource {
  readonly endpoints = [ONE_NAME];
  /** Who answered which call: `hashKv 2`. */
  readonly answered: string[] = [];
  readonly #members: ScriptedEtcd;
  readonly #spreading: Spreading;
  readonly #numbers: readonly number[];
  #turn = 0;
  #connected: number | undefined;

  constructor(members: ScriptedEtcd, spreading: Spreading, numbers: readonly number[]) {
    this.#members = members;
    this.#spreading = spreading;
    this.#numbers = numbers;
  }

  async status(_endpoint: string, signal?: AbortSignal): Promise<EndpointStatus> {
    return { ...(await this.#members.status(this.#pick("status"), signal)), endpoint: ONE_NAME };
  }

  async members(_endpoint: string, signal?: AbortSignal): Promise<readonly Member[]> {
    const proxy = { id: "0", name: "proxy-host", peerUrls: [], clientUrls: ["etcd.example:2379"], isLearner: false };
    if (this.#spreading === "grpc-proxy") return [proxy];
    return this.#members.members(this.#pick("members"), signal);
  }

  async checkPermission(_endpoint: string, signal?: AbortSignal): Promise<void> {
    await this.#members.checkPermission(this.#pick("permission"), signal);
  }

  async isGated(_endpoint: string, signal?: AbortSignal): Promise<boolean> {
    return this.#members.isGated(this.#pick("gate"), signal);
  }

  async hashKv(
    _endpoint: string,
    revision: number | "latest",
    limit: { readonly timeoutMs: number },
    signal?: AbortSignal,
  ): Promise<HashKv> {
    return this.#members.hashKv(this.#pick("hashKv"), revision, limit, signal);
  }

  async range(_endpoint: string, request: RangeRequest, signal?: AbortSignal): Promise<RangePage> {
    return this.#members.range(this.#pick("range"), request, signal);
  }

  async serverCertificate(): Promise<Certificate | undefined> {
    return Promise.resolve(undefined);
  }

  clientCertificate(): Certificate | undefined {
    return undefined;
  }

  snapshot(_endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncIterable<Block> {
    this.#connected = undefined;
    return this.#members.snapshot(this.#pick("snapshot"), limits, signal);
  }

  renew(): void {
    this.#connected = undefined;
  }

  close(): void {
    this.#members.close();
  }

  /** Who hashed, in order. */
  get hashed(): readonly string[] {
    return this.answered.filter((call) => call.startsWith("hashKv "));
  }

  #pick(call: string): string {
    const number = this.#spreading === "connections" ? (this.#connected ??= this.#next()) : this.#next();
    this.answered.push(`${call} ${number}`);
    return endpointOf(number);
  }

  #next(): number {
    const number = this.#numbers[this.#turn % this.#numbers.length];
    if (number === undefined) throw new TypeError("nobody was scripted behind the name");
    this.#turn += 1;
    return number;
  }
}
