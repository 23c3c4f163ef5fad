import { afterAll, beforeAll, expect, test } from "vitest";
import { failureOf as functionFailureOf } from "../../functions/failure.ts";
import { LifeboatError, messageOf } from "../../shared/errors.ts";
import { endpointOf, ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import { failureOf } from "../support/blobs.ts";
import { backUp, custodyOf, makeTestKeys, newVault } from "../support/vaults.ts";
import type { TestKeys } from "../support/vaults.ts";

/** A server, a proxy or a library repeats a secret in its error, which then would stand in signed records that nobody can change, and in logs. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const SECRET = "s3cret-Wort9";
const CASES: readonly [string, string, string][] = [
  ["a password in an address", `cannot reach https://root:${SECRET}@10.0.0.1:2379/v3`, "cannot reach https://***@10.0.0.1:2379/v3"],
  ["a token alone in an address", `GET https://${SECRET}@proxy:3128 failed`, "GET https://***@proxy:3128 failed"],
  ["a header", `400: Authorization: Bearer ${SECRET}, host: x`, "400: Authorization: ***, host: x"],
  ["a header in JSON", `{"authorization":"Basic ${SECRET}","a":1}`, `{"authorization":"***","a":1}`],
  [
    "a presigned address",
    `https://b.s3/k?X-Amz-Credential=${SECRET}&X-Amz-Signature=${SECRET}&x=1 is gone`,
    "https://b.s3/k?X-Amz-Credential=***&X-Amz-Signature=***&x=1 is gone",
  ],
  ["a signed token", `invalid auth token eyJhbGciOiJSUzI1NiJ9.${SECRET}.c2ln`, "invalid auth token ***"],
  ["an identity", `no key fits AGE-SECRET-KEY-1${SECRET.replaceAll("-", "")}`, "no key fits AGE-SECRET-KEY-***"],
  [
    "a private key",
    `bad file: -----BEGIN EC PRIVATE KEY-----\n${SECRET}\n-----END EC PRIVATE KEY----- at 3`,
    "bad file: *** (a private key) at 3",
  ],
];

test.each(CASES)("%s is taken out of a message, a hint, a function's failure and its log", (_what, text, told) => {
  const error = new LifeboatError("etcd/refused", text, { hint: text });
  expect([error.message, error.hint, messageOf(new Error(text)), messageOf(text)]).toEqual([told, told, told, told]);
  const { failure, logged } = functionFailureOf(error, undefined);
  expect(`${failure.message}${failure.stack}${JSON.stringify(logged)}`).not.toContain(SECRET);
});

test.each(CASES)("%s does not come into the custody log", async (_what, text, told) => {
  const vault = newVault(keys);
  const etcd = new ScriptedEtcd([{ number: 1, snapshots: [[{ fail: new LifeboatError("etcd/stream", `${endpointOf(1)}: ${text}`) }]] }]);
  await failureOf(backUp(vault, { etcd }));
  const record = custodyOf(vault).at(-1);
  expect(record).toMatchObject({ event: "failed", details: { code: "etcd/stream" } });
  expect(record?.details.reason).toContain(told);
  expect(JSON.stringify(record)).not.toContain(SECRET);
});

test.each([
  "prod@2026-11-21T10:00:00Z is of ann@backups in s3://bucket/prefix/",
  "https://10.0.0.1:2379 refused: authentication is not enabled",
  "the bearer of this token is unknown",
  "clusters/prod/data/20261121T100000Z-0badcafe.age",
])("%s stays as it is", (text) => {
  expect(new LifeboatError("usage", text).message).toBe(text);
});
