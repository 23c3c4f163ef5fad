import { expect, test } from "vitest";
import { isSecret, redact } from "../../shared/kube/redact.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

function secret(data: Record<string, string>, annotations: Record<string, string> = {}) {
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "a", annotations }, type: "Opaque", data };
}

test("values of a Secret are hidden, and what kubectl was given with them", () => {
  const stored = secret(
    { password: "aHVudGVyMg==", one: "eA==" },
    { [LAST_APPLIED]: '{"data":{"password":"aHVudGVyMg=="}}', note: "kept" },
  );
  const hidden = redact({ ...stored, stringData: { clear: "hunter2" } });
  expect(hidden).toEqual({
    ...secret({ password: "(redacted, 7 bytes)", one: "(redacted, 1 byte)" }, { [LAST_APPLIED]: "(redacted)", note: "kept" }),
    stringData: { clear: "(redacted, 7 bytes)" },
  });
  expect(JSON.stringify(hidden)).not.toMatch(/hunter2|aHVudGVyMg/);
});

test("beside the same Secret at another time they tell what differs", () => {
  const [before, after] = [
    secret({ a: "eA==", b: "eA==" }, { [LAST_APPLIED]: "1" }),
    secret({ a: "eQ==", b: "eA==", c: "eA==" }, { [LAST_APPLIED]: "2" }),
  ];
  expect(redact(after, before)).toEqual(
    secret(
      { a: "(redacted, 1 byte) (differs)", b: "(redacted, 1 byte)", c: "(redacted, 1 byte)" },
      { [LAST_APPLIED]: "(redacted) (differs)" },
    ),
  );
});

test("other kinds are as they are, also those that are called Secret elsewhere", () => {
  const other = { ...secret({ a: "eA==" }), apiVersion: "a.example/v1" };
  expect(redact(other)).toBe(other);
  expect([isSecret(other), isSecret(secret({}))]).toEqual([false, true]);
});

test("a Secret that is none is hidden all the same", () => {
  expect(redact({ apiVersion: "v1", kind: "Secret", data: { a: 5, b: { c: "clear" }, d: null } })).toEqual({
    apiVersion: "v1",
    kind: "Secret",
    data: { a: "(redacted)", b: "(redacted)", d: "(redacted)" },
  });
});
