import { LifeboatError, isLifeboatError, messageOf } from "../../errors.ts";
import { within } from "../../within.ts";
import { Connection, NoHttp2, type Failed, type Outcome } from "./connection.ts";
import type { Method } from "./calls.ts";
import type { DialTarget } from "./dial.ts";
import { isAuthOff, isFromEtcd, isStaleToken, printable, refusal, type CallAbout, type CallStatus } from "./errors.ts";
import { explain, oneLine, probe } from "./explain.ts";
import type { EtcdSettings } from "./settings.ts";

/** What to ask, and the words for it: "... did not {doing}". */
export interface Question {
  readonly method: Method;
  /** The request's message; empty where left out. */
  readonly request?: Uint8Array;
  readonly doing: string;
  /** For the answer, where it is other than the settings' `callMs`. */
  readonly callMs?: number;
}

export interface Answer {
  /** As `decode` gives it, as yet unchecked. */
  readonly message: unknown;
  /** Of the call alone, on a connection that stands. */
  readonly latencyMs: number;
}

export interface Refused {
  readonly status: CallStatus;
}

/** A call on a connection that stands. It is given up when `stop` aborts, and never rejects. */
type Attempt = (connection: Connection, stop: AbortSignal) => Promise<Outcome>;

const NOTHING = new Uint8Array(0);

/** Calls of one member that are answered by one message. Both waits, for the connection and for the answer, are held against the injected clock. */
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
    const { method, request = NOTHING } = question;
    const call = async (token: string | undefined): Promise<Answer | Refused> =>
      this.#call(question, signal, async (connection, stop) => connection.ask({ method, request, token }, stop));
    const token = await this.token(signal);
    const first = await call(token);
    if (!("status" in first) || token === undefined || !isStaleToken(first.status)) return first;
    this.forgetToken();
    return call(await this.token(signal));
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
    // Loaded when needed: etcd3 takes long to load, and most clusters know their clients by certificates.
    const { logIn } = await import("./log-in.ts");
    const question = { doing: "check the password" };
    // What is wrong with the way was told by a connection of ours.
    const outcome = await this.#call(question, signal, async (_, stop) => logIn(this.#line, auth, stop));
    if ("status" in outcome && isAuthOff(outcome.status)) return undefined;
    const { message } = this.#answered(outcome, question);
    if (typeof message === "object" && message !== null && "token" in message && typeof message.token === "string" && message.token !== "")
      return message.token;
    throw new LifeboatError("etcd/auth", `${this.#line.endpoint.url} gave no token for the password of user ${auth.username}`);
  }

  #answered(outcome: Answer | Refused, { doing }: Pick<Question, "doing">): Answer {
    if ("status" in outcome) throw refusal(outcome.status, this.about(doing));
    return outcome;
  }

  /**
   * One try, or a second one where the first was lost before the server saw it, as when it said goodbye to an idle connection just then. What etcd itself refused is
   * returned; what kept us from it is thrown.
   */
  async #call(question: Pick<Question, "doing" | "callMs">, signal: AbortSignal | undefined, attempt: Attempt): Promise<Answer | Refused> {
    const first = await this.#try(question, signal, attempt);
    const { outcome, latencyMs } = "status" in first.outcome && first.outcome.isUnseen ? await this.#try(question, signal, attempt) : first;
    if ("message" in outcome || isFromEtcd(outcome.status)) this.#renewed = false;
    if ("message" in outcome) return { message: outcome.message, latencyMs };
    if (isFromEtcd(outcome.status)) return outcome;
    throw await this.#lost(outcome, question, signal);
  }

  async #try(
    { doing, callMs = this.#callMs }: Pick<Question, "doing" | "callMs">,
    signal: AbortSignal | undefined,
    attempt: Attempt,
  ): Promise<{ readonly outcome: Outcome; readonly latencyMs: number }> {
    const { clock, endpoint } = this.#line;
    const connection = await this.#connect(doing, signal);
    try {
      const since = clock.monotonicMs();
      const outcome = await within(
        { clock, ms: callMs, signal },
        `asking ${endpoint.url} to ${doing}`,
        () => this.#noAnswer(doing, callMs),
        async (stop) => attempt(connection, stop),
      );
      // Nobody knows whether the connection still stands: the next call makes its own. Calls under way on the old one go on.
      if ("status" in outcome && !isFromEtcd(outcome.status)) this.#drop(connection);
      return { outcome, latencyMs: clock.monotonicMs() - since };
    } catch (error) {
      this.#drop(connection);
      throw error;
    } finally {
      connection.release();
    }
  }

  #noAnswer(doing: string, callMs: number): LifeboatError {
    return new LifeboatError("etcd/timeout", `${this.#line.endpoint.url} did not ${doing} within ${callMs} ms`, {
      hint: "check whether the member hangs or its cluster lost its quorum: `etcdctl endpoint status --cluster`",
    });
  }

  /** What broke a connection that stood. */
  async #lost({ status }: Failed, { doing }: Pick<Question, "doing">, signal: AbortSignal | undefined): Promise<LifeboatError> {
    const reason = this.#renewed ? undefined : await probe(this.#line, signal);
    return reason ?? this.#unreachable(doing, status.message, new Error(`gRPC status ${status.code}: ${printable(status.message)}`));
  }

  /** A connection that stands, and is held for the caller: the one there is, or a new one. */
  async #connect(doing: string, signal: AbortSignal | undefined, isAgain = false): Promise<Connection> {
    if (this.#closed) throw new Error(`the client of ${this.#line.endpoint.url} was closed`);
    if (this.#connection?.isUsable !== true) {
      this.#drop(this.#connection);
      this.#connection = new Connection(this.#line, signal);
    }
    const connection = this.#connection;
    connection.hold();
    try {
      await connection.stands();
      return connection;
    } catch (error) {
      connection.release();
      this.#drop(connection);
      // Another caller's signal ended what we both waited for.
      if (isLifeboatError(error, "interrupted") && signal?.aborted !== true) return this.#connect(doing, signal, isAgain);
      const obstacle = await this.#obstacle(error, doing, signal, isAgain);
      if (obstacle !== undefined) throw obstacle;
    }
    return this.#connect(doing, signal, true);
  }

  /** Why a connection did not come to stand; undefined where a second one may, as behind a balancer that led the first to a dead member. */
  async #obstacle(error: unknown, doing: string, signal: AbortSignal | undefined, isAgain: boolean): Promise<LifeboatError | undefined> {
    if (isLifeboatError(error)) return error;
    const cause = error instanceof NoHttp2 ? error.cause : error;
    if (this.#renewed) return this.#unreachable(doing, messageOf(cause), cause);
    if (!(error instanceof NoHttp2) && !isReset(error)) return explain(this.#line, error, signal);
    const reason = await probe(this.#line, signal);
    return reason ?? (isAgain ? explain(this.#line, cause, signal) : undefined);
  }

  #unreachable(doing: string, why: string, cause: unknown): LifeboatError {
    return new LifeboatError("etcd/unreachable", `${this.#line.endpoint.url} did not ${doing}: ${printable(why)}`, { cause });
  }

  #drop(connection: Connection | undefined): void {
    connection?.retire();
    if (this.#connection === connection) this.#connection = undefined;
  }
}

/** Whether the connection was closed without a word. */
function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET";
}
