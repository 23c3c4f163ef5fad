import { describe, expect, test } from "vitest";
import { diffValues } from "../../../shared/jobs/look/diff-values.ts";
import type { ValueDifference } from "../../../shared/jobs/look/diff-values.ts";
import type { FoundValue } from "../../../shared/jobs/look/read-values.ts";
import { ProgramDecoder } from "../../../shared/kube/program/program-decoder.ts";

/** JSON needs no program. */
const decoder = new ProgramDecoder({ program: async () => Promise.reject(new Error("no program is needed")), keys: [] });

const KEY = "/registry/example.com/crontabs/shop/web";

function found(value: string | Uint8Array | object, { key = KEY, revision = 1 } = {}): FoundValue {
  const bytes = typeof value === "string" ? Buffer.from(value) : value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value));
  return { key: Buffer.from(key), value: bytes, revision };
}

function diff(
  before: FoundValue | undefined,
  after: FoundValue | undefined,
  { reveals = false, showsManagedFields = false } = {},
): Promise<ValueDifference> {
  return diffValues({ before, after }, { decoder, reveals, showsManagedFields, signal: AbortSignal.timeout(60_000) });
}

function secret(password: string): object {
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, data: { password: Buffer.from(password).toString("base64") } };
}

describe("what became of a value", () => {
  const cron = (spec: object): object => ({ apiVersion: "example.com/v1", kind: "CronTab", spec });

  test("is shown of objects in YAML", async () => {
    expect(await diff(found(cron({ image: "a", replicas: 1 })), found(cron({ replicas: 2, image: "a" })))).toEqual({
      change: "changed",
      form: "yaml",
      hunks: "@@ -2,4 +2,4 @@\n kind: CronTab\n spec:\n   image: a\n-  replicas: 1\n+  replicas: 2\n",
      notRead: { before: undefined, after: undefined },
      isRedacted: false,
      onlyManagedFields: false,
      warnings: [],
    });
    const whole = "apiVersion: example.com/v1\nkind: CronTab\nspec:\n  a: 1\n";
    expect(await diff(undefined, found(cron({ a: 1 })))).toMatchObject({
      change: "added",
      hunks: `@@ -0,0 +1,4 @@\n${whole.replaceAll(/^(?=.)/gm, "+")}`,
    });
    expect(await diff(found(cron({ a: 1 })), undefined)).toMatchObject({
      change: "removed",
      hunks: `@@ -1,4 +0,0 @@\n${whole.replaceAll(/^(?=.)/gm, "-")}`,
    });
  });

  test("is no text where the same object is there in other bytes", async () => {
    expect(await diff(found(cron({ a: 1, b: 2 })), found(cron({ b: 2, a: 1 })))).toMatchObject({
      change: "changed",
      form: "yaml",
      hunks: "",
      onlyManagedFields: false,
    });
  });

  test("has no managedFields unless they are asked for, and says where nothing else differs", async () => {
    const owned = (manager: string, spec: object): FoundValue =>
      found({ apiVersion: "example.com/v1", kind: "CronTab", metadata: { name: "web", managedFields: [{ manager }] }, spec });
    const changed = await diff(owned("kubectl", { a: 1 }), owned("helm", { a: 2 }));
    expect(changed).toMatchObject({ onlyManagedFields: false });
    expect(changed.hunks).toContain("-  a: 1\n+  a: 2\n");
    expect(changed.hunks).not.toContain("manage");
    expect(await diff(owned("kubectl", { a: 1 }), owned("helm", { a: 1 }))).toMatchObject({
      change: "changed",
      form: "yaml",
      hunks: "",
      onlyManagedFields: true,
    });
    const shown = await diff(owned("kubectl", { a: 1 }), owned("helm", { a: 1 }), { showsManagedFields: true });
    expect(shown).toMatchObject({ onlyManagedFields: false });
    expect(shown.hunks).toContain("manager: helm");
  });

  test("of a Secret tells that data differs, and shows it only where it is asked to", async () => {
    const [before, after] = [found(secret("hunter2")), found(secret("hunter3!"))];
    const hidden = await diff(before, after);
    expect(hidden).toMatchObject({ form: "yaml", isRedacted: true });
    expect(hidden.hunks).toContain("-  password: (redacted, 7 bytes)\n+  password: (redacted, 8 bytes) (differs)\n");
    const shown = await diff(before, after, { reveals: true });
    expect(shown.isRedacted).toBe(false);
    expect(shown.hunks).toContain("-  password: aHVudGVyMg==\n+  password: aHVudGVyMyE=\n");
    for (const [one, other] of [
      [before, undefined],
      [undefined, after],
    ] as const)
      expect((await diff(one, other)).hunks).not.toMatch(/aHVudGVy/);
  });

  test("is shown line by line where both are text", async () => {
    expect(await diff(found("a\nb\n", { key: "app" }), found("a\nc", { key: "app" }))).toMatchObject({
      form: "text",
      hunks: "@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n",
      notRead: { before: "is no object of Kubernetes", after: "is no object of Kubernetes" },
    });
  });

  test.each([
    ["bytes", found(Uint8Array.of(0xff, 0xfe)), found("text")],
    ["a text with zeros", found("a\0b"), found("a\0c")],
    ["an object in JSON and what is no text", found(cron({ a: 1 })), found(Uint8Array.of(0xff))],
    ["what is encrypted", found("k8s:enc:aescbc:v1:key1:aaaa"), found("k8s:enc:aescbc:v1:key1:bbbb")],
  ])("is not shown of %s", async (_, before, after) => {
    expect(await diff(before, after)).toMatchObject({ change: "changed", form: undefined, hunks: "", isRedacted: false });
  });

  test("is not shown of what stands in the place of a Secret and cannot be read", async () => {
    const key = "/registry/secrets/shop/db";
    const [before, after] = [found("{ hunter2", { key }), found("{ hunter3", { key })];
    expect(await diff(before, after)).toMatchObject({ form: undefined, hunks: "", isRedacted: true });
    expect(await diff(before, after, { reveals: true })).toMatchObject({ form: "text", isRedacted: false });
    // Type and version are not where its head would tell them.
    const odd = found({ metadata: { name: "db" }, ...secret("hunter2") });
    expect(await diff(odd, found("text"))).toMatchObject({ form: undefined, hunks: "", isRedacted: true });
  });

  test("is nothing where it is the same, written again or not", async () => {
    expect(await diff(found("a"), found("a"))).toMatchObject({ change: "same", hunks: "" });
    expect(await diff(found("a"), found("a", { revision: 2 }))).toMatchObject({ change: "rewritten", hunks: "" });
  });
});
