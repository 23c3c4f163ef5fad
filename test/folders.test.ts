import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { errnoOf, makeFolders } from "../shared/folders.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-folders-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const failing = async (path: string): Promise<unknown> =>
  makeFolders(path).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("folders are made with all above them", () => {
  test("for their owner only, and again without a word", async () => {
    const path = join(folder, "a", "b", "c");
    await makeFolders(path);
    await makeFolders(path);
    for (const each of ["a", "a/b", "a/b/c"]) expect((await stat(join(folder, each))).mode & 0o777).toBe(0o700);
  });

  test("behind a link to a folder", async () => {
    await symlink(".", join(folder, "link"));
    await makeFolders(join(folder, "link", "a"));
    expect((await readdir(folder)).toSorted()).toEqual(["a", "link"]);
  });

  test("by two at once", async () => {
    await Promise.all([makeFolders(join(folder, "a", "b")), makeFolders(join(folder, "a", "c")), makeFolders(join(folder, "a", "b"))]);
    expect((await readdir(join(folder, "a"))).toSorted()).toEqual(["b", "c"]);
  });
});

describe("where one cannot be made, that is told, and none is left", () => {
  // mkdir of Node with recursive: true takes all of a processor here and never returns.
  test.runIf(process.platform === "linux")("below /proc", async () => {
    const error = await failing("/proc/lifeboat/keys");
    expect(error).toMatchObject({ message: "cannot make the folder /proc/lifeboat: no folder can be made in /proc (ENOENT)" });
    expect(errnoOf(error)).toBe("ENOENT");
  });

  test("below a file", async () => {
    await writeFile(join(folder, "file"), "");
    expect(errnoOf(await failing(join(folder, "file", "a", "b")))).toBe("ENOTDIR");
    expect(errnoOf(await failing(join(folder, "file")))).toBe("ENOTDIR");
  });

  test("in the place of a link to nothing", async () => {
    await symlink("nowhere", join(folder, "link"));
    const error = await failing(join(folder, "link", "a"));
    expect(errnoOf(error)).toBe("ENOTDIR");
    expect(error).toMatchObject({ message: `cannot make the folder ${join(folder, "link")}: a link to nothing has that name (ENOTDIR)` });
  });

  test("where a name is too long, further down", async () => {
    expect(errnoOf(await failing(join(folder, "a", "b", "x".repeat(300))))).toBe("ENAMETOOLONG");
    expect(await readdir(folder)).toEqual([]);
  });

  test("in a folder that may not be written to", async () => {
    await chmod(folder, 0o555);
    // Root may write everywhere, and is nobody for a moment.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(NOBODY);
    try {
      expect(errnoOf(await failing(join(folder, "a")))).toBe("EACCES");
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(folder, 0o700);
    }
  });
});

const NOBODY = 65_534;

test("nothing that ships makes folders in another way", async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const found: string[] = [];
  for (const top of ["shared", "cli", "functions", "infra"]) {
    for (const name of await readdir(join(root, top), { recursive: true })) {
      if (!name.endsWith(".ts") || name.startsWith("bundles/")) continue;
      const text = await readFile(join(root, top, name), "utf8");
      if (/mkdir(Sync)?\([^;]*recursive/.test(text)) found.push(`${top}/${name}`);
    }
  }
  expect(found).toEqual([]);
});
