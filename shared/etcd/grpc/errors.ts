import { LifeboatError } from "../../errors.ts";

/** How a gRPC call ended where it did not end well. */
export interface CallStatus {
  /** One of GRPC, or another of gRPC's. */
  readonly code: number;
  /** etcd's own words. */
  readonly message: string;
}

/** Which call it was, for the sentence. */
export interface CallAbout {
  readonly url: string;
  /** For "... refused to {doing}", as in `send a snapshot`. */
  readonly doing: string;
  /** Who asked, for "...": `user backup`, `the user of the client certificate (CN=backup)`. */
  readonly who: string;
  /** The user's name for a command line, where known. */
  readonly userName: string | undefined;
}

/** gRPC's status codes (grpc/grpc, statuscodes.md), those that mean something here. */
export const GRPC = {
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Codes with which gRPC libraries report a broken connection. */
const OF_THE_WAY: ReadonlySet<number> = new Set([GRPC.CANCELLED, GRPC.UNKNOWN, GRPC.INTERNAL, GRPC.UNAVAILABLE]);

/** Long enough for every sentence of etcd, short enough for a hostile one. */
const MAX_WORDS = 300;

/** A text from the network, fit to be printed on one line. */
export function printable(words: string): string {
  const line = words.replace(/[\p{C}\s]+/gu, " ").trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}...` : line;
}

/** Whether the token was refused, not the user: a new token may do. */
export function isStaleToken({ message }: CallStatus): boolean {
  return /invalid auth token|auth: revision in header is old|revision of auth store is old/.test(message);
}

/** Whether etcd said that it asks for no users at all. */
export function isAuthOff({ message }: CallStatus): boolean {
  return message.includes("authentication is not enabled");
}

/** Whether a gate before etcd keeps the call from it: a "no" in words that are not etcd's, as HTTP's 403 is one. */
export function isOfGate({ code, message }: CallStatus): boolean {
  return code === GRPC.PERMISSION_DENIED && !isEtcdsWords(message);
}

/** Whether etcd itself, and not the way to it, gave this answer. */
export function isFromEtcd({ code, message }: CallStatus): boolean {
  return isEtcdsWords(message) || !OF_THE_WAY.has(code);
}

function isEtcdsWords(message: string): boolean {
  return /^(etcdserver|auth|mvcc): /.test(message);
}

/** The error of a call that etcd answered with other than OK. The texts are those of etcd 3.4 to 3.7 (rpctypes/error.go, auth/store.go). */
export function refusal(answer: CallStatus, about: CallAbout): LifeboatError {
  const { url, doing, who } = about;
  const words = printable(answer.message) || `gRPC status ${answer.code}`;
  const cause = new Error(`gRPC status ${answer.code}: ${words}`);
  if (isOfGate(answer)) {
    return new LifeboatError("etcd/denied", `a gate before ${url} does not let the call through to ${doing}: ${words}`, {
      cause,
      hint: "it lets a backup's calls through; for others run lifeboat where it reaches etcd itself (docs/gate.md)",
    });
  }
  if (isStaleToken(answer)) {
    return new LifeboatError("etcd/auth", `${url} refused the token that it had just given to ${who}: ${words}`, {
      cause,
      hint: "check that the clocks and the auth settings (--auth-token) of the members agree",
    });
  }
  if (/authentication failed|invalid user ID or password/.test(words)) {
    return new LifeboatError("etcd/auth", `${url} refused user name or password of ${who}`, {
      cause,
      hint: "check auth.username and auth.password against `etcdctl --user NAME user list`",
    });
  }
  if (words.includes("user name is empty")) {
    return new LifeboatError("etcd/auth", `${url} requires authentication, and no user is configured`, {
      cause,
      hint: "set auth.username and auth.password, or a client certificate (tls.cert, tls.key) whose CN is a user with the role root",
    });
  }
  if (words.includes("user name not found") || words.includes("user not found")) {
    return new LifeboatError("etcd/auth", `${url} does not know ${who}`, {
      cause,
      hint: "use a client certificate whose CN is a user of etcd, or set auth.username and auth.password",
    });
  }
  if (answer.code === GRPC.PERMISSION_DENIED || words.includes("permission denied")) {
    return new LifeboatError("etcd/denied", `${url} does not let ${who} ${doing}: the role root is needed`, {
      cause,
      hint: `grant it with \`etcdctl user grant-role ${about.userName ?? "NAME"} root\``,
    });
  }
  if (answer.code === GRPC.DEADLINE_EXCEEDED || /etcdserver: (request timed out|no leader|leader changed)/.test(words)) {
    return new LifeboatError("etcd/timeout", `${url} did not ${doing}: ${words}`, {
      cause,
      hint: "check whether the cluster has a leader and a quorum: `etcdctl endpoint status --cluster`",
    });
  }
  if (words.includes("not supported for learner")) {
    return new LifeboatError("etcd/refused", `${url} is a learner and does not ${doing}`, {
      cause,
      hint: "give the endpoint of a voting member, or promote this one",
    });
  }
  if (answer.code === GRPC.OUT_OF_RANGE && words.includes("revision has been compacted")) {
    return new LifeboatError("etcd/compacted", `${url} did not ${doing}: that revision has been compacted`, {
      cause,
      hint: "ask at a newer revision: what came before is not kept",
    });
  }
  if (answer.code === GRPC.OUT_OF_RANGE && words.includes("future revision")) {
    return new LifeboatError("etcd/future-revision", `${url} did not ${doing}: it has not reached that revision yet`, {
      cause,
      hint: "see how far the member is behind: `etcdctl endpoint status --cluster`",
    });
  }
  if (answer.code === GRPC.UNAVAILABLE && !isFromEtcd(answer)) {
    return new LifeboatError("etcd/unreachable", `${url} did not ${doing}: ${words}`, { cause });
  }
  return new LifeboatError("etcd/refused", `${url} refused to ${doing}: ${words}`, { cause });
}
