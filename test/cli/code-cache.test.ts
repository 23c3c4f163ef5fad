import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeCacheFile, ownFolder, readCodeCache, writeCodeCache } from "../../cli/code-cache.ts";
import { cacheFolderIn } from "../../cli/own-folders.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { skipWithout } from "../support/programs.ts";

let folder: TemporaryFolder;
let home: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  home = join(folder.path, "home");
  await mkdir(home, { mode: 0o700 });
});
afterEach(() => folder.remove());

const BELOW = [".cache", "etcd-lifeboat"];

describe("the folder of compiled code", () => {
  test("is the unit's, then the user's cache folder, then that of the home", () => {
    const all = { CACHE_DIRECTORY: "/var/cache/a:/var/cache/b", XDG_CACHE_HOME: "/x", HOME: "/h" };
    expect(cacheFolderIn(all)).toEqual({ base: "/var/cache/a", below: ["compiled"] });
    expect(cacheFolderIn({ ...all, CACHE_DIRECTORY: "" })).toEqual({ base: "/x", below: ["etcd-lifeboat"] });
    expect(cacheFolderIn({ XDG_CACHE_HOME: "relative", HOME: "/h" })).toEqual({ base: "/h", below: BELOW });
    expect(cacheFolderIn({ HOME: "relative" })).toBeUndefined();
  });

  test("is made for this user alone, and taken again", async () => {
    const made = ownFolder(home, BELOW);
    expect(made).toBe(join(home, ...BELOW));
    expect((await stat(join(home, ...BELOW))).mode & 0o777).toBe(0o700);
    expect(ownFolder(home, BELOW)).toBe(made);
  });

  test.each([
    ["the home", 0o777, []],
    ["the home's group", 0o770, []],
    ["a folder below it", 0o777, [".cache"]],
    ["the last folder", 0o777, BELOW],
  ])("is none where others can write into %s", async (_, mode, below) => {
    await mkdir(join(home, ...BELOW), { recursive: true, mode: 0o700 });
    await chmod(join(home, ...below), mode);
    expect(ownFolder(home, BELOW)).toBeUndefined();
  });

  test("is none where others can write into a folder above the home", async () => {
    await chmod(folder.path, 0o777);
    expect(ownFolder(home, BELOW)).toBeUndefined();
    expect(await readdir(home)).toEqual([]);
  });

  test("is none where others can read it", async () => {
    await mkdir(join(home, ...BELOW), { recursive: true });
    await chmod(join(home, ...BELOW), 0o755);
    expect(ownFolder(home, BELOW)).toBeUndefined();
  });

  test("is none where a link stands in its place", async () => {
    await mkdir(join(home, "elsewhere"), { mode: 0o700 });
    await symlink(join(home, "elsewhere"), join(home, ".cache"));
    expect(ownFolder(home, BELOW)).toBeUndefined();
    expect(await readdir(join(home, "elsewhere"))).toEqual([]);
  });

  test.skipIf(skipWithout("root", process.getuid?.() === 0))("is none in another user's home or folder", async () => {
    await mkdir(join(home, ...BELOW), { recursive: true, mode: 0o700 });
    await chown(join(home, ...BELOW), 64_001, 64_001);
    expect(ownFolder(home, BELOW)).toBeUndefined();
    await chown(home, 64_001, 64_001);
    expect(ownFolder(home, BELOW)).toBeUndefined();
  });

  test("is looked for without a word where there is no home", () => {
    expect(codeCacheFile({ HOME: join(home, "missing") }, "ls")).toBeUndefined();
  });

  test("is none where the person turned Node's compile cache off", () => {
    expect(codeCacheFile({ HOME: home }, "ls")).toBe(join(home, ...BELOW, "ls.code"));
    expect(codeCacheFile({ HOME: home, NODE_DISABLE_COMPILE_CACHE: "1" }, "ls")).toBeUndefined();
  });
});

describe("a file of compiled code", () => {
  const CODE = {
    runs: 2,
    parts: [
      { name: "one.js", sourceCrc32: 11, data: Buffer.from("first") },
      { name: "two.js", sourceCrc32: 22, data: Buffer.from("the second") },
    ],
  };
  let file: string;
  beforeEach(() => {
    file = join(home, "ls.code");
    writeCodeCache(file, CODE);
  });

  test("gives back what was written, and leaves nothing beside it", async () => {
    expect(readCodeCache(file)).toEqual(CODE);
    expect(await readdir(home)).toEqual(["ls.code"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test.each([
    ["a flipped byte", (bytes: Buffer) => bytes.fill("?", bytes.length - 1)],
    ["a missing end", (bytes: Buffer) => bytes.subarray(0, -3)],
    ["another Node.js", (bytes: Buffer) => Buffer.from(bytes.toString("latin1").replace(process.version, "v22.15.0"), "latin1")],
    ["no header", () => Buffer.from("not ours")],
    ["nothing in it", () => Buffer.alloc(0)],
  ])("counts for nothing with %s", async (_, damage) => {
    await writeFile(file, damage(await readFile(file)));
    expect(readCodeCache(file)).toEqual({ runs: 0, parts: [] });
  });

  test("is not needed", () => {
    expect(readCodeCache(join(home, "missing.code"))).toEqual({ runs: 0, parts: [] });
    expect(() => writeCodeCache(join(home, "missing", "ls.code"), CODE)).not.toThrow();
  });
});
