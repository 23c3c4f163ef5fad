import { Channel, Metadata, connectivityState, credentials, type Client, type ClientUnaryCall, type ServiceError } from "@grpc/grpc-js";
import { ConnectionPool } from "etcd3/lib/connection-pool.js";

import { LifeboatError, isLifeboatError } from "../../errors.ts";
import type { Call } from "./calls.ts";
import { LineCredentials } from "./channel-credentials.ts";
import { noConnection, type DialTarget } from "./dial.ts";
import { GRPC, isAuthOff, isFromEtcd, isStaleToken, printable, refusal, type CallAbout, type CallStatus } from "./errors.ts";
import { oneLine, probe } from "./explain.ts";
import type { EtcdSettings } from "./settings.ts";
import { within } from "../../within.ts";

/** What to ask, and the words for it: "... did not {doing}". */
export type Question = Call & {
  readonly request: object;
  readonly doing: string;
  /** For the answer, where it is other than the settings' `callMs`. */
  readonly callMs?: number;
};

export interface Answer {
  /** Parsed by etcd3's own .proto files, as yet unchecked: 64-bit numbers and enums as strings. */
  readonly message: unknown;
  /** Of the call alone, on a connection that stands. */
  readonly latencyMs: number;
}

export interface Refused {
  readonly status: CallStatus;
}

type Outcome = { readonly message: unknown } | Refused;
type Unary = (request: object, metadata: Metadata, callback: (error: ServiceError | null, answer: unknown) => void) => ClientUnaryCall;

interface Connection {
  readonly channel: Channel;
  readonly pool: ConnectionPool;
}

/**
 * The one place that knows etcd3's faults. It gives the messages and the services; everything else goes past it:
 * - it opens a channel per service and does without our options in one of them (Auth): the channel is ours, handed in by `channelOverride`, and so is the token;
 * - it never reads dialTimeout: both waits are held against the injected clock here;
 * - it turns gRPC's errors into classes without a code, and breaks its circuit on them: no error leaves the function that it runs;
 * - it does not send the token with Snapshot, and HashKV throws: see snapshot-stream.ts, and the call by method name below.
 */
export class MemberClient {
  readonly #line: DialTarget;
  readonly #callMs: number;
  readonly #auth: EtcdSettings["auth"];
  #connection: Connection | undefined;
  #token: Promise<string | undefined> | undefined;
  /** From a call of `renew` until a call came through. */
  #renewed = false;
  #closed = false;

  constructor(line: DialTarget, settings: Pick<EtcdSettings, "callMs" | "auth">) {
    this.#line = line;
    this.#callMs = settings.callMs;
    this.#auth = settings.auth;
  }

  /** Throws as the port says. */
  async ask(question: Question, signal?: AbortSignal): Promise<Answer> {
    return this.#answered(await this.askFor(question, signal), question);
  }

  /** The same, with etcd's refusal as a value. */
  async askFor(question: Question, signal?: AbortSignal): Promise<Answer | Refused> {
    const token = await this.token(signal);
    const first = await this.#call(question, token, signal);
    if (!("status" in first) || token === undefined || !isStaleToken(first.status)) return first;
    this.forgetToken();
    return this.#call(question, await this.token(signal), signal);
  }

  /** The token that goes with every call, asked for once; undefined where no user is configured or etcd asks for none. */
  async token(signal?: AbortSignal): Promise<string | undefined> {
    if (this.#auth === undefined) return undefined;
    const asked = (this.#token ??= this.#authenticate(this.#auth, signal));
    try {
      return await asked;
    } catch (error) {
      if (this.#token === asked) this.#token = undefined;
      // Another caller's signal ended what we both waited for.
      if (isLifeboatError(error, "interrupted") && signal?.aborted !== true) return this.token(signal);
      throw error;
    }
  }

  /** After etcd refused it: tokens end with their time, and with a change to any user or role. */
  forgetToken(): void {
    this.#token = undefined;
  }

  /** Who we are and what was asked, for an error's sentence. */
  about(doing: string): CallAbout {
    const { endpoint, tls } = this.#line;
    const subject = endpoint.secure ? tls.client?.subject : undefined;
    if (this.#auth !== undefined) return { url: endpoint.url, doing, who: `user ${this.#auth.username}`, userName: this.#auth.username };
    if (subject === undefined) return { url: endpoint.url, doing, who: "anyone without a name", userName: undefined };
    return {
      url: endpoint.url,
      doing,
      who: `the user of the client certificate (${oneLine(subject)})`,
      userName: /^CN=([A-Za-z0-9._-]+)$/m.exec(subject)?.[1],
    };
  }

  /**
   * The next call makes a connection of its own, and one only: a look at the way would be a second one, and of a balancer with two members, which
   * takes them in turn, every call would then reach the same.
   */
  renew(): void {
    this.#renewed = true;
    this.#drop(this.#connection);
  }

  close(): void {
    this.#closed = true;
    this.#drop(this.#connection);
  }

  async #authenticate(auth: NonNullable<EtcdSettings["auth"]>, signal: AbortSignal | undefined): Promise<string | undefined> {
    const question: Question = {
      service: "Auth",
      method: "Authenticate",
      request: { name: auth.username, password: auth.password },
      doing: "check the password",
    };
    const outcome = await this.#call(question, undefined, signal);
    if ("status" in outcome && isAuthOff(outcome.status)) return undefined;
    const { message } = this.#answered(outcome, question);
    if (typeof message === "object" && message !== null && "token" in message && typeof message.token === "string" && message.token !== "")
      return message.token;
    throw new LifeboatError("etcd/auth", `${this.#line.endpoint.url} gave no token for the password of user ${auth.username}`);
  }

  #answered(outcome: Answer | Refused, { doing }: Question): Answer {
    if ("status" in outcome) throw refusal(outcome.status, this.about(doing));
    return outcome;
  }

  /** One try. What etcd itself refused is returned; what kept us from it is thrown. */
  async #call(question: Question, token: string | undefined, signal: AbortSignal | undefined): Promise<Answer | Refused> {
    const { clock, connectMs, endpoint } = this.#line;
    const { callMs = this.#callMs } = question;
    const doing = `asking ${endpoint.url} to ${question.doing}`;
    const connection = await this.#connect(signal);
    try {
      await within(
        { clock, ms: connectMs, signal },
        doing,
        () => noConnection(this.#line),
        (stop) => settled(connection.channel, stop),
      );
      const since = clock.monotonicMs();
      const outcome = await within(
        { clock, ms: callMs, signal },
        doing,
        () => this.#noAnswer(question, callMs),
        (stop) => connection.pool.withConnection(question.service, ({ client }) => invoke(client, question, token, stop)),
      );
      if ("message" in outcome || isFromEtcd(outcome.status)) this.#renewed = false;
      if ("message" in outcome) return { message: outcome.message, latencyMs: clock.monotonicMs() - since };
      if (isFromEtcd(outcome.status)) return outcome;
      throw await this.#lost(outcome.status, question, signal);
    } catch (error) {
      // After a deadline nobody knows whether the connection still stands: the next call makes its own. Calls under way on the old one go on.
      this.#drop(connection);
      throw error;
    }
  }

  #noAnswer({ doing }: Question, callMs: number): LifeboatError {
    return new LifeboatError("etcd/timeout", `${this.#line.endpoint.url} did not ${doing} within ${callMs} ms`, {
      hint: "check whether the member hangs or its cluster lost its quorum: `etcdctl endpoint status --cluster`",
    });
  }

  /** What broke a connection that stood. */
  async #lost(answer: CallStatus, { doing }: Question, signal: AbortSignal | undefined): Promise<LifeboatError> {
    const cause = new Error(`gRPC status ${answer.code}: ${printable(answer.message)}`);
    const reason = this.#renewed ? undefined : await probe(this.#line, signal);
    if (reason !== undefined) return reason;
    return new LifeboatError("etcd/unreachable", `${this.#line.endpoint.url} did not ${doing}: ${printable(answer.message)}`, { cause });
  }

  /**
   * The connection that stands, or a new one after a look at the way: grpc-js says "no connection established" to whatever is wrong with it, and lets go
   * of one that does not come about only when the system does, minutes later.
   */
  async #connect(signal: AbortSignal | undefined): Promise<Connection> {
    const open = (): boolean => !this.#closed;
    if (open() && this.#connection === undefined && !this.#renewed) {
      const obstacle = await probe(this.#line, signal);
      if (obstacle !== undefined) throw obstacle;
    }
    if (!open()) throw new Error(`the client of ${this.#line.endpoint.url} was closed`);
    return (this.#connection ??= connectionTo(this.#line));
  }

  #drop(connection: Connection | undefined): void {
    connection?.channel.close();
    if (this.#connection === connection) this.#connection = undefined;
  }
}

function connectionTo(line: DialTarget): Connection {
  const { endpoint, tls } = line;
  const channel = new Channel(endpoint.authority, endpoint.secure ? new LineCredentials(line) : credentials.createInsecure(), {
    // A proxy from the environment has no say in the way to etcd.
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    // Else a new channel takes over the old one's broken connection, back-off and all.
    "grpc.use_local_subchannel_pool": 1,
    ...(endpoint.secure && tls.serverName !== undefined ? { "grpc.default_authority": tls.serverName } : {}),
  });
  return { channel, pool: new ConnectionPool({ hosts: endpoint.authority, grpcOptions: { channelOverride: channel } }) };
}

/** Resolves when the channel stands, or when it failed to: the call then says how. */
async function settled(channel: Channel, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const state = channel.getConnectivityState(true);
    if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return;
    await new Promise<void>((resolve) => {
      channel.watchConnectivityState(state, Infinity, () => resolve());
    });
  }
}

/** Never rejects: see MemberClient on what etcd3 does with errors. */
async function invoke(client: Client, { method, request }: Question, token: string | undefined, stop: AbortSignal): Promise<Outcome> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("token", token);
  // grpc-js makes the methods from the .proto file at run time, so its types cannot name them.
  const unary = (client as unknown as Record<string, Unary | undefined>)[method];
  if (unary === undefined) return { status: { code: GRPC.UNIMPLEMENTED, message: `no method ${method}` } };
  return new Promise((resolve) => {
    const call = unary.call(client, request, metadata, (error, message) => {
      resolve(error === null ? { message } : { status: { code: error.code, message: error.details } });
    });
    stop.addEventListener("abort", () => call.cancel(), { once: true });
  });
}
