import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCodeCache } from "../../cli/code-cache.ts";
import { Parts } from "../../cli/parts.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";

let folder: TemporaryFolder;
let program: string;
let home: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  program = join(folder.path, "program");
  home = join(folder.path, "home");
  await mkdir(program);
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(program, "start.js"), ENTRY);
  await writeFile(join(program, "rare.js"), `exports.answer = () => 42;`);
});
afterEach(() => folder.remove());

/** A function that is compiled when it is called, and a part that is. */
const ENTRY = `
const { basename } = require("node:path");
exports.name = () => basename(__filename) + " " + __url.startsWith("file://");
exports.isStrict = () => this === undefined || (function () { return this === undefined; })();
exports.rare = () => require("./rare.js").answer();
`;

interface Entry {
  name(): string;
  isStrict(): boolean;
  rare(): number;
}

function open(...args: readonly string[]): { readonly parts: Parts; readonly entry: Entry } {
  const parts = new Parts(program, { HOME: home }, args);
  return { parts, entry: parts.load("start.js") as Entry };
}

const kept = (command: string): ReturnType<typeof readCodeCache> => readCodeCache(join(home, ".cache", "etcd-lifeboat", `${command}.code`));
const names = (command: string): readonly string[] => kept(command).parts.map(({ name }) => name);

/** A whole run of \`ls\`. */
function run(use: (entry: Entry) => void = () => undefined, endedWell = true): void {
  const { parts, entry } = open("ls");
  use(entry);
  parts.keep(endedWell);
}

test("a part is strict, knows its place, and loads what it asks for once", () => {
  const { parts, entry } = open("ls");
  expect(entry.name()).toBe("start.js true");
  expect(entry.isStrict()).toBe(true);
  expect(entry.rare()).toBe(42);
  expect(parts.load("rare.js")).toBe(parts.load("rare.js"));
});

test("what is beyond ASCII stays as it was written: the build leaves it in patterns and in tagged templates", async () => {
  await writeFile(join(program, "words.js"), "exports.words = [((parts) => parts[0])`– ü ✓ 🛟`, '\\xfc'.replace(/[ü🛟]/u, '!')];");
  expect(open("ls").parts.load("words.js")).toEqual({ words: ["– ü ✓ 🛟", "!"] });
});

test("functions that ran are in the code that is kept", () => {
  run();
  const before = kept("ls").parts[0]?.data.length ?? Infinity;
  run((entry) => entry.name());
  expect(kept("ls").parts[0]?.data.length).toBeGreaterThan(before);
});

test("it learns from two runs that end well, and then writes no more", () => {
  for (let each = 1; each <= 2; each += 1) {
    run();
    expect(kept("ls").runs).toBe(each);
  }
  run((entry) => entry.name());
  expect(kept("ls").runs).toBe(2);
});

test("a run that fails does not count as one that it learned from", () => {
  run(undefined, false);
  expect(kept("ls")).toMatchObject({ runs: 0, parts: [{ name: "start.js" }] });
  run(undefined, false);
  run();
  expect(kept("ls").runs).toBe(1);
});

test("a part that is new is added, and one that is not needed this time stays", () => {
  for (let each = 1; each <= 2; each += 1) run();
  run((entry) => entry.rare());
  expect(names("ls")).toEqual(["start.js", "rare.js"]);
  run();
  expect(names("ls")).toEqual(["start.js", "rare.js"]);
});

test("code of another source of the same length is not run", async () => {
  run((entry) => entry.name());
  await writeFile(join(program, "start.js"), ENTRY.replace('+ " " +', '+ "-" +'));
  expect(open("ls").entry.name()).toBe("start.js-true");
});

test("each command has its own, and help has one", async () => {
  for (const args of [["ls"], ["backup", "prod"], ["backup", "--help"], ["--json", "ls"], []]) open(...args).parts.keep(true);
  expect((await readdir(join(home, ".cache", "etcd-lifeboat"))).toSorted()).toEqual(["backup.code", "help.code", "ls.code"]);
});
