import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { textOf } from "../../cli/key-text.ts";
import { runProgram } from "../../cli/program.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { boltFile, keyValue, revisionKey } from "../snapshot/support/bolt-file.ts";
import { asSent } from "../support/snapshots.ts";

/** What a person sees of it; what it tells is tried in test/e2e/status.live.test.ts. */

const LONG = "a-rather-long-name-of-something-that-somebody-once-deployed-and-that-nobody-dares-to-touch-since";
const KEYS = [
  `/registry/stable.example.com/${LONG}/default/x`,
  `/registry/pods/${LONG}/${LONG}`,
  `/registry/pods/${LONG}/${LONG}`,
  `/registry/pods/default/a\u001B[2J${"b".repeat(40)}`,
  ...Array.from({ length: 20 }, (_, index) => `/registry/secrets/ns-${index}/token`),
];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  const entries = KEYS.map((key, index) => ({
    key: revisionKey(index + 2),
    value: keyValue(Buffer.from(key), Buffer.from(`k8s:enc:aescbc:v1:${LONG}:${"x".repeat(index)}`)),
  }));
  await writeFile(join(folder.path, "s.db"), asSent(boltFile(entries).bytes));
});
afterAll(() => folder.remove());

async function shown(columns: number | undefined, ...args: readonly string[]): Promise<{ code: number; out: string }> {
  const stdout = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  const stderr = new PassThrough().resume();
  const { signal } = new AbortController();
  const code = await runProgram(
    ["status", ...args],
    { stdout, stderr, environment: {}, cwd: folder.path, clock: systemClock, signal },
    { clock: systemClock, randomBytes, environment: {}, runtimeFolder: folder.path, stateFolder: undefined },
  );
  stdout.end();
  return { code, out: await text(stdout) };
}

test.each([80, 60])("nothing is wider than a terminal of %i columns, and names end as they end", async (columns) => {
  const { code, out } = await shown(columns, "s.db");
  expect(code).toBe(0);
  // A name of Kubernetes' encryption key that is longer than the line is left whole, so that it can be copied.
  expect(out.split("\n").filter((line) => line.length > columns && !line.includes(LONG))).toEqual([]);
  expect(out).toMatch(/#+ {2,}\/registry\/.*\.\.\..*-touch-since$/m);
  expect(out).toMatch(/\/registry\/secrets\/ns-19\/token$/m);
});

test("in a pipe names are whole, and control characters in them are shown and not obeyed", async () => {
  const { out } = await shown(undefined, "s.db");
  expect(out).toContain(`  /registry/pods/${LONG}/${LONG}\n`);
  expect(out).toContain(`  ${LONG}.stable.example.com\n`);
  expect(out).toContain(`/registry/pods/default/a\\u001b[2J${"b".repeat(40)}\n`);
  expect(out).not.toContain("\u001B");
});

test("a table names what has most first, with the longest bar", async () => {
  const { out } = await shown(undefined, "s.db");
  const rows = out.split("\n").filter((line) => / {2}(pods|secrets|.*\.stable\.example\.com)$/.test(line));
  expect(rows.map((row) => row.trim().split(/ +/).at(-1))).toEqual(["secrets", "pods", `${LONG}.stable.example.com`]);
  const bars = rows.map((row) => row.replaceAll(/[^#]/g, "").length);
  expect(bars[0]).toBe(12);
  expect(bars).toEqual(bars.toSorted((a, b) => b - a));
});

test("a database without a live key has a status too", async () => {
  await writeFile(
    join(folder.path, "empty.db"),
    asSent(boltFile([{ key: revisionKey(2, 0, true), value: keyValue(Buffer.from("gone")) }]).bytes),
  );
  const { code, out } = await shown(80, "empty.db", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    tree: "whole",
    keys: { revisions: 1, live: 0 },
    resources: [{ resource: null, keys: { revisions: 1, live: 0 }, liveBytes: 0 }],
    prefixes: [{ prefix: "" }],
    largestObjects: [],
    hotKeys: [],
  });
  expect((await shown(80, "empty.db")).out).toMatch(/^keys: +0 live, 1 revisions$/m);
});

describe("a key as text", () => {
  test.each([
    [Buffer.from("/registry/päds/x"), "/registry/päds/x"],
    [Buffer.from([0x61, 0xff, 0x62, 0x80]), "a\\xffb\\x80"],
    [Buffer.from([]), ""],
  ])("%s", (key, expected) => expect(textOf(key)).toBe(expected));
});
