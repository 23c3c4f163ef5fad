import type { Block } from "../../blocks.ts";
import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import type { Certificate, EndpointStatus, EtcdSource, HashKv, Member, RangePage, RangeRequest, StreamLimits } from "../etcd-source.ts";
import { hashKvOf, membersOf, rangeOf, statusOf } from "./answers.ts";
import { factsOf, serverCertificate } from "./certificates.ts";
import { countRequest, hashKvRequest, rangeRequest } from "./calls.ts";
import { MemberClient } from "./client.ts";
import type { DialTarget } from "./dial.ts";
import { parseEndpoint } from "./endpoint.ts";
import { GRPC, isOfGate, isStaleToken, refusal } from "./errors.ts";
import { tlsIdentity } from "./identity.ts";
import type { EtcdSettings } from "./settings.ts";
import { SnapshotCall, SnapshotRefused } from "./snapshot-stream.ts";

/** The cluster behind `settings`. Opens no connection yet; `config/invalid` where endpoints, certificates or keys cannot be used. */
export function openEtcd(settings: EtcdSettings, clock: Clock): EtcdSource {
  return new Source(settings, clock);
}

interface MemberConnection {
  readonly line: DialTarget;
  readonly client: MemberClient;
}

/** The greatest revision there can be. A member refuses to hash it, being in the future, after it has looked at who asks and before it has read anything. */
const FUTURE_REVISION = 2n ** 63n - 1n;

class Source implements EtcdSource {
  readonly endpoints: readonly string[];
  readonly #connections = new Map<string, MemberConnection>();
  readonly #clientCertificate: Certificate | undefined;

  constructor(settings: EtcdSettings, clock: Clock) {
    if (settings.endpoints.length === 0)
      throw new LifeboatError("config/invalid", "no endpoint of etcd is configured", { hint: "set endpoints" });
    const tls = tlsIdentity(settings.tls);
    this.endpoints = [...new Set(settings.endpoints)];
    for (const url of this.endpoints) {
      const line: DialTarget = { endpoint: parseEndpoint(url), tls, clock, connectMs: settings.connectMs };
      this.#connections.set(url, { line, client: new MemberClient(line, settings) });
    }
    this.#clientCertificate = tls.client === undefined ? undefined : factsOf(tls.client);
  }

  async status(endpoint: string, signal?: AbortSignal): Promise<EndpointStatus> {
    const question = { method: "Status", doing: "tell its status" } as const;
    const { message, latencyMs } = await this.#connection(endpoint).client.ask(question, signal);
    return statusOf(endpoint, message, latencyMs);
  }

  async members(endpoint: string, signal?: AbortSignal): Promise<readonly Member[]> {
    const question = { method: "MemberList", doing: "list its members" } as const;
    return membersOf(endpoint, (await this.#connection(endpoint).client.ask(question, signal)).message);
  }

  async checkPermission(endpoint: string, signal?: AbortSignal): Promise<void> {
    const { client } = this.#connection(endpoint);
    const doing = "send a snapshot";
    const outcome = await client.askFor({ method: "HashKV", request: hashKvRequest(FUTURE_REVISION), doing }, signal);
    if ("status" in outcome && !outcome.status.message.includes("future revision")) throw refusal(outcome.status, client.about(doing));
  }

  async isGated(endpoint: string, signal?: AbortSignal): Promise<boolean> {
    const { client } = this.#connection(endpoint);
    const outcome = await client.askFor({ method: "Range", request: countRequest(), doing: "count a key" }, signal);
    return "status" in outcome && isOfGate(outcome.status);
  }

  async hashKv(
    endpoint: string,
    revision: number | "latest",
    { timeoutMs }: { readonly timeoutMs: number },
    signal?: AbortSignal,
  ): Promise<HashKv> {
    if (revision !== "latest" && (!Number.isSafeInteger(revision) || revision < 1))
      throw new TypeError(`HashKV cannot be asked at revision ${revision}`);
    const question = {
      method: "HashKV",
      // 0 stands for the present one.
      request: hashKvRequest(revision === "latest" ? 0n : BigInt(revision)),
      doing: `hash its keys at ${revision === "latest" ? "its latest revision" : `revision ${revision}`} (HashKV)`,
      callMs: timeoutMs,
    } as const;
    return hashKvOf(endpoint, revision, (await this.#connection(endpoint).client.ask(question, signal)).message);
  }

  async range(endpoint: string, request: RangeRequest, signal?: AbortSignal): Promise<RangePage> {
    const { client } = this.#connection(endpoint);
    const doing = "list its keys and values";
    for (let { limit } = request; ; limit = Math.ceil(limit / 8)) {
      const outcome = await client.askFor({ method: "Range", request: rangeRequest({ ...request, limit }), doing }, signal);
      if (!("status" in outcome)) return rangeOf(endpoint, request.revision, outcome.message);
      // Larger than is taken, or than a server or proxy sends.
      if (outcome.status.code !== GRPC.RESOURCE_EXHAUSTED || limit === 1) throw refusal(outcome.status, client.about(doing));
    }
  }

  async serverCertificate(endpoint: string, signal?: AbortSignal): Promise<Certificate | undefined> {
    return serverCertificate(this.#connection(endpoint).line, signal);
  }

  clientCertificate(): Certificate | undefined {
    return this.#clientCertificate;
  }

  async *snapshot(endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncGenerator<Block, void, undefined> {
    const { line, client } = this.#connection(endpoint);
    const about = client.about("send a snapshot");
    for (let tries = 1; ; tries += 1) {
      const token = await client.token(signal);
      const call = await SnapshotCall.open({ line, about, token, limits, signal });
      try {
        for (let block = await call.take(); block !== undefined; block = await call.take()) yield block;
        return;
      } catch (error) {
        if (!(error instanceof SnapshotRefused)) throw error;
        if (token === undefined || tries > 1 || !isStaleToken(error.status)) throw refusal(error.status, about);
        client.forgetToken();
      } finally {
        await call.close();
      }
    }
  }

  renew(endpoint: string): void {
    this.#connection(endpoint).client.renew();
  }

  close(): void {
    for (const { client } of this.#connections.values()) client.close();
  }

  #connection(endpoint: string): MemberConnection {
    const way = this.#connections.get(endpoint);
    if (way === undefined) throw new Error(`${endpoint} is not an endpoint of this source`);
    return way;
  }
}
