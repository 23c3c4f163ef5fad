import { expect, test } from "vitest";

import { printable, refusal } from "../../shared/etcd/grpc/errors.ts";

/** The codes are gRPC's, the texts those of etcd's sources, 3.4 to 3.7. */
const ABOUT = { url: "https://m1:2379", doing: "send a snapshot", who: "user backup", userName: "backup" };

test.each([
  [
    3,
    "etcdserver: authentication failed, invalid user ID or password",
    "etcd/auth",
    "https://m1:2379 refused user name or password of user backup",
  ],
  [3, "etcdserver: user name is empty", "etcd/auth", "https://m1:2379 requires authentication, and no user is configured"],
  [9, "etcdserver: user name not found", "etcd/auth", "https://m1:2379 does not know user backup"],
  [2, "auth: user not found", "etcd/auth", "https://m1:2379 does not know user backup"],
  [
    16,
    "etcdserver: invalid auth token",
    "etcd/auth",
    "https://m1:2379 refused the token that it had just given to user backup: etcdserver: invalid auth token",
  ],
  [7, "etcdserver: permission denied", "etcd/denied", "https://m1:2379 does not let user backup send a snapshot: the role root is needed"],
  [2, "auth: permission denied", "etcd/denied", "https://m1:2379 does not let user backup send a snapshot: the role root is needed"],
  [14, "etcdserver: request timed out", "etcd/timeout", "https://m1:2379 did not send a snapshot: etcdserver: request timed out"],
  [14, "etcdserver: no leader", "etcd/timeout", "https://m1:2379 did not send a snapshot: etcdserver: no leader"],
  [4, "context deadline exceeded", "etcd/timeout", "https://m1:2379 did not send a snapshot: context deadline exceeded"],
  [14, "etcdserver: rpc not supported for learner", "etcd/refused", "https://m1:2379 is a learner and does not send a snapshot"],
  [9, "etcdserver: rpc not supported for learner", "etcd/refused", "https://m1:2379 is a learner and does not send a snapshot"],
  [
    12,
    "unknown service etcdserverpb.Maintenance",
    "etcd/refused",
    "https://m1:2379 refused to send a snapshot: unknown service etcdserverpb.Maintenance",
  ],
  [
    7,
    "RBAC: access denied",
    "etcd/denied",
    "a gate before https://m1:2379 does not let the call through to send a snapshot: RBAC: access denied",
  ],
  [14, "upstream connect error", "etcd/unreachable", "https://m1:2379 did not send a snapshot: upstream connect error"],
  [13, "", "etcd/refused", "https://m1:2379 refused to send a snapshot: gRPC status 13"],
])("gRPC %i %s", (code, words, expected, message) => {
  expect(refusal({ code, message: words }, ABOUT)).toMatchObject({ code: expected, message });
});

test("a user that is not root is told the command that makes it one", () => {
  expect(refusal({ code: 7, message: "etcdserver: permission denied" }, ABOUT).hint).toBe(
    "grant it with `etcdctl user grant-role backup root`",
  );
  expect(refusal({ code: 7, message: "etcdserver: permission denied" }, { ...ABOUT, userName: undefined }).hint).toContain(
    "grant-role NAME root",
  );
});

test("words from the network are printed on one line, without control characters, and not at length", () => {
  expect(printable("a\n\u001b[31mb\u0000c\u2028d")).toBe("a [31mb c d");
  expect(printable("x".repeat(10_000))).toBe(`${"x".repeat(300)}...`);
});
