import { expect, test } from "vitest";
import type { KeyIndex } from "../../../shared/jobs/look/key-index.ts";
import { lookUp } from "../../../shared/jobs/look/look-up.ts";
import type { IndexRecord } from "../../../shared/snapshot/key-index.ts";

const NAMES = [
  "/registry/apps.example.com/widgets/shop/web",
  "/registry/configmaps/shop/db",
  "/registry/health",
  "/registry/namespaces/shop",
  ...Array.from({ length: 500 }, (_, index) => `/registry/pods/default/pod-${index}`),
  "/registry/pods/shop/web",
  "/registry/ranges/serviceips",
  "/registry/services/endpoints/shop/web",
  "/registry/services/specs/shop/web",
  "/registry/widgets/shop/web",
  "app/config",
  "pods/shop/web/",
].toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
/** No UTF-8, at a place where a folder would be. */
const BINARY = Buffer.concat([Buffer.from("/registry/"), Buffer.from([0xff, 0xfe]), Buffer.from("/x")]);
const KEYS = [...NAMES.map((name) => Buffer.from(name)), BINARY].toSorted((one, other) => Buffer.compare(one, other));

/** An index of KEYS, and how often it was asked for a place in it. */
function indexOf(): KeyIndex & { seeks: number } {
  const record = (key: Uint8Array): IndexRecord => ({ key, at: 0, bytes: 0, revision: 7, valueBytes: 0 });
  const read = (key: Uint8Array): Promise<{ key: Uint8Array; value: Uint8Array; revision: number }> =>
    Promise.resolve({ key, value: new Uint8Array(0), revision: 7 });
  return {
    seeks: 0,
    count: KEYS.length,
    async *from(key) {
      this.seeks += 1;
      await Promise.resolve();
      for (const each of KEYS) if (Buffer.compare(each, key) >= 0) yield record(each);
    },
    read: ({ key }) => read(key),
    async lookup(key) {
      const found = KEYS.find((each) => each.equals(key));
      return found === undefined ? undefined : read(found);
    },
  };
}

const found = async (words: string, most = 8): Promise<readonly string[]> =>
  (await lookUp(indexOf(), Buffer.from(words), words, most)).map(({ key }) => Buffer.from(key).toString());

test.each([
  ["a key", "app/config", ["app/config"]],
  ["a key before an object", "/registry/pods/shop/web", ["/registry/pods/shop/web"]],
  ["an object by its plural", "pods/shop/web", ["/registry/pods/shop/web"]],
  ["by its short name", "cm/shop/db", ["/registry/configmaps/shop/db"]],
  ["one of the cluster", "ns/shop", ["/registry/namespaces/shop"]],
  ["one that is kept under another name", "svc/shop/web", ["/registry/services/specs/shop/web"]],
  ["one of a group", "widgets.apps.example.com/shop/web", ["/registry/apps.example.com/widgets/shop/web", "/registry/widgets/shop/web"]],
  ["several of one name", "widget/shop/web", ["/registry/apps.example.com/widgets/shop/web", "/registry/widgets/shop/web"]],
  ["nothing", "pods/shop/nothing", []],
  ["nothing, by a key", "/registry/pods/shop", []],
])("%s is found: %s", async (_what, words, keys) => {
  expect(await found(words)).toEqual(keys);
});

test("no more than the most are given, and a key given byte by byte names no object", async () => {
  expect(await found("widget/shop/web", 1)).toHaveLength(1);
  expect(await lookUp(indexOf(), Buffer.from("pods/shop/web"), undefined, 8)).toEqual([]);
});

test("from one resource to the next the keys in between are not read", async () => {
  const index = indexOf();
  await lookUp(index, Buffer.from("pods/shop/web"), "pods/shop/web", 8);
  expect(index.seeks).toBeLessThan(20);
});
