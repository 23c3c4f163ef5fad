import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownMark, placeOfProcesses } from "../../../shared/process-mark.ts";
import { publishIfAbsent } from "../../../shared/store/directory/incoming.ts";
import { collect, failureOf, inChunks, keys, once, text, watched } from "../../support/blobs.ts";
import { directoryUnderTest, incoming, type DirectoryUnderTest } from "./directory-under-test.ts";
import { saying } from "../../support/matchers.ts";

let under: DirectoryUnderTest;
beforeEach(async () => {
  under = await directoryUnderTest();
});
afterEach(() => under.close());

/** Every path below `folder` with its mode. */
async function modes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of ["", ...(await readdir(folder, { recursive: true }))]) {
    const { mode } = await stat(join(folder, path));
    found[path] = (mode & 0o7777).toString(8);
  }
  return found;
}

describe("what a directory store leaves on the disk", () => {
  test("is readable by its owner only, whatever the umask, and nothing but the objects", async () => {
    const umask = process.umask(0);
    try {
      await under.store.put("clusters/prod/a.json", once("a"), { ifAbsent: true });
      await under.store.put("clusters/prod/b.json", once("b"));
      await under.store.put("clusters/prod/b.json", once("b2"));
    } finally {
      process.umask(umask);
    }
    expect(await modes(join(under.above, "not"))).toEqual({
      "": "700",
      yet: "700",
      "yet/vault": "700",
      "yet/vault/.lifeboat": "700",
      "yet/vault/.lifeboat/incoming": "700",
      "yet/vault/clusters": "700",
      "yet/vault/clusters/prod": "700",
      "yet/vault/clusters/prod/a.json": "600",
      "yet/vault/clusters/prod/b.json": "600",
    });
    expect((await stat(join(under.root, "clusters/prod/a.json"))).nlink).toBe(1);
  });

  test("in a root that its group shares is the group's to read, whoever may write folders, and never the world's", async () => {
    await mkdir(under.root, { recursive: true });
    await chmod(under.root, 0o2770);
    const umask = process.umask(0);
    try {
      await under.store.put("clusters/prod/a.json", once("a"), { ifAbsent: true });
    } finally {
      process.umask(umask);
    }
    expect(await modes(under.root)).toMatchObject({
      ".lifeboat": "3770",
      ".lifeboat/incoming": "3770",
      clusters: "3770",
      "clusters/prod": "3770",
      "clusters/prod/a.json": "640",
    });
    // Without the setgid bit nobody said that it is to be shared.
    await chmod(under.root, 0o770);
    await under.store.put("other/b.json", once("b"));
    expect(await modes(under.root)).toMatchObject({ "other/b.json": "600" });
  });

  test("is the bytes themselves, at the key's path", async () => {
    const content = randomBytes(100_000);
    await under.store.put("a/b/c.age", inChunks(content, [999]));
    expect((await readFile(join(under.root, "a/b/c.age"))).equals(content)).toBe(true);
  });

  test("is no temporary file after a failure, and no folder for an object that never came", async () => {
    const broken = (async function* () {
      yield randomBytes(100_000);
      expect(await incoming(under.root)).toHaveLength(1);
      throw new Error("cut");
    })();
    await expect(under.store.put("a/b/c", broken, { ifAbsent: true })).rejects.toThrow("cut");
    expect(await readdir(under.root)).toEqual([".lifeboat"]);
    expect(await incoming(under.root)).toEqual([]);
  });

  test("is nothing at all after reads of a store that was never written", async () => {
    expect(await under.store.head("a")).toBeUndefined();
    expect(await keys(under.store, "")).toEqual([]);
    await under.store.remove("a");
    await expect(collect(under.store.get("a"))).rejects.toMatchObject({ code: "verify/missing" });
    expect(await readdir(under.above)).toEqual([]);
  });
});

describe("a conditional put whose answer was lost", () => {
  test("knows its own link again, and another's from it", async () => {
    await mkdir(under.root, { recursive: true });
    const mine = { path: join(under.root, "mine"), bytes: 4, modified: new Date(0) };
    const target = join(under.root, "target");
    await writeFile(mine.path, "mine");
    await link(mine.path, target);
    expect(await publishIfAbsent(mine, under.root, target)).toBe(true);
    expect(await readdir(under.root)).toEqual(["target"]);
    const late = { path: join(under.root, "late"), bytes: 4, modified: new Date(0) };
    await writeFile(late.path, "late");
    expect(await publishIfAbsent(late, under.root, target)).toBe(false);
    expect(await readFile(target, "utf8")).toBe("mine");
  });
});

test("a put that was killed between its last two steps is an object and an unfinished put in one: sweeping that leaves the object whole", async () => {
  await under.store.put("a/k", once("whole"), { ifAbsent: true });
  const id = "0123456789abcdef0123456789abcdef";
  await link(join(under.root, "a/k"), join(under.root, ".lifeboat/incoming", id));
  expect(await collect(under.store.listUnfinished())).toMatchObject([{ id, bytes: 5 }]);
  await under.store.removeUnfinished(id);
  expect(await text(under.store, "a/k")).toBe("whole");
  expect(await incoming(under.root)).toEqual([]);
});

describe("what was never finished", () => {
  const DIGITS = "0123456789abcdef0123456789abcdef";

  test("is removed where a process of this host and user left it that runs no more, and stays otherwise", async () => {
    expect(await under.store.removeAbandoned()).toBe(0);
    await under.store.put("a/k", once("whole"));
    const [here, { pid, birth }] = [await placeOfProcesses(), await ownMark()];
    const dead = [`${here}-4194305-${birth}-${DIGITS}`, `${here}-${pid}-1-${DIGITS}`];
    const kept = [DIGITS, `00000000-4194305-1-${DIGITS}`, `${here}-${pid}-${birth}-${DIGITS}`, "foreign"];
    for (const name of [...dead, ...kept]) await writeFile(join(under.root, ".lifeboat/incoming", name), "part");
    expect((await collect(under.store.listUnfinished())).map(({ id }) => id)).toEqual(
      [...dead, ...kept].filter((name) => name !== "foreign").toSorted(),
    );
    expect(await under.store.removeAbandoned()).toBe(2);
    expect((await incoming(under.root)).toSorted()).toEqual(kept.toSorted());
    expect(await text(under.store, "a/k")).toBe("whole");
  });

  test("stays where it is another user's", async () => {
    await under.store.put("a/k", once("whole"));
    const path = join(under.root, ".lifeboat/incoming", `${await placeOfProcesses()}-4194305-1-${DIGITS}`);
    await writeFile(path, "part");
    const [getuid, uid] = [process.geteuid, process.geteuid?.() ?? 0];
    process.geteuid = () => uid + 1;
    try {
      expect(await under.store.removeAbandoned()).toBe(0);
    } finally {
      if (getuid !== undefined) process.geteuid = getuid;
    }
    expect(await under.store.removeAbandoned()).toBe(1);
  });

  test("stays while this very process writes it", async () => {
    async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from("x");
      expect(await under.store.removeAbandoned()).toBe(0);
    }
    await under.store.put("a/k", slow());
    expect(await text(under.store, "a/k")).toBe("x");
  });
});

describe("what is in the way", () => {
  test("a file in the root's place is told by every call", async () => {
    await mkdir(join(under.above, "not/yet"), { recursive: true });
    await writeFile(under.root, "a file");
    const refusal = { code: "store/failed", message: `${under.root} is not a folder`, hint: saying("configure another path") };
    const body = watched(["x"]);
    await expect(under.store.put("a", body.body)).rejects.toMatchObject(refusal);
    expect(body.returns).toBe(1);
    await expect(under.store.head("a")).rejects.toMatchObject(refusal);
    await expect(keys(under.store, "")).rejects.toMatchObject(refusal);
    await expect(collect(under.store.get("a"))).rejects.toMatchObject(refusal);
    await expect(under.store.remove("a")).rejects.toMatchObject(refusal);
    expect(await readFile(under.root, "utf8")).toBe("a file");
  });

  test("a file in a parent's place fails the root", async () => {
    await writeFile(join(under.above, "not"), "a file");
    await expect(under.store.put("a", once("x"))).rejects.toMatchObject({ code: "store/failed", message: `${under.root} is not a folder` });
  });

  test.each([false, true])("a file in the place of a key's folder fails the put and stays (ifAbsent: %s)", async (ifAbsent) => {
    await under.store.put("clusters/prod", once("a file"));
    for (const key of ["clusters/prod/a", "clusters/prod/a/b"]) {
      await expect(under.store.put(key, once("x"), { ifAbsent })).rejects.toMatchObject({
        code: "store/failed",
        message: `cannot put ${key} in its place in ${under.root}: not a directory (ENOTDIR)`,
        hint: saying("a file is in the place of a folder"),
      });
    }
    expect(await text(under.store, "clusters/prod")).toBe("a file");
    expect(await incoming(under.root)).toEqual([]);
  });

  test("a folder in the place of the object fails the put and stays", async () => {
    await under.store.put("clusters/prod", once("x"));
    await expect(under.store.put("clusters", once("x"))).rejects.toMatchObject({
      code: "store/failed",
      message: saying("EISDIR"),
      hint: saying("a folder is in the place"),
    });
    await expect(under.store.put("clusters", once("x"), { ifAbsent: true })).rejects.toMatchObject({ code: "store/exists" });
    expect(await keys(under.store, "")).toEqual(["clusters/prod"]);
    expect(await incoming(under.root)).toEqual([]);
  });

  test("a folder in the place of an unfinished put's folder is told with its key", async () => {
    await mkdir(under.root, { recursive: true });
    await writeFile(join(under.root, ".lifeboat"), "a file");
    const body = watched(["x"]);
    await expect(under.store.put("k", body.body)).rejects.toMatchObject({
      code: "store/failed",
      message: `cannot write k in ${under.root}: not a directory (ENOTDIR)`,
    });
    expect(body).toMatchObject({ pulls: 0, returns: 1 });
  });
});

describe("symbolic links", () => {
  test("below the root are never followed, in any call", async () => {
    const outside = join(under.above, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "not ours");
    await under.store.put("a/k", once("ours"));
    await symlink(outside, join(under.root, "out"));
    await symlink(join(outside, "secret"), join(under.root, "a/file"));
    const refusal = { code: "store/failed", message: saying("is a symbolic link"), hint: saying("follows none") };
    for (const key of ["out/secret", "out/new/deep", "a/file"]) {
      await expect(under.store.head(key), key).rejects.toMatchObject(refusal);
      await expect(collect(under.store.get(key)), key).rejects.toMatchObject(refusal);
      await expect(under.store.remove(key), key).rejects.toMatchObject(refusal);
      await expect(under.store.put(key, once("x"), { ifAbsent: true }), key).rejects.toMatchObject(refusal);
    }
    await expect(under.store.put("out/secret", once("x"))).rejects.toMatchObject(refusal);
    await expect(keys(under.store, "out/")).rejects.toMatchObject(refusal);
    expect(await keys(under.store, "")).toEqual(["a/k"]);
    expect(await readdir(outside)).toEqual(["secret"]);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("not ours");
    // The link itself gives way to the object; what it pointed to does not.
    await under.store.put("a/file", once("x"));
    expect(await text(under.store, "a/file")).toBe("x");
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("not ours");
    expect(await incoming(under.root)).toEqual([]);
  });

  test("may be the root itself", async () => {
    await mkdir(join(under.above, "disk"));
    await mkdir(join(under.above, "not/yet"), { recursive: true });
    await symlink(join(under.above, "disk"), under.root);
    await under.store.put("a/k", once("x"), { ifAbsent: true });
    expect(await keys(under.store, "")).toEqual(["a/k"]);
    expect(await readFile(join(under.above, "disk/a/k"), "utf8")).toBe("x");
  });
});

describe("list", () => {
  test("leaves out what is no object: foreign names, unfinished puts, pipes", async () => {
    await under.store.put("a/k", once("x"));
    for (const name of [".hidden", "a/.k.swp", "a/k~", "a/two words", "a/ä", ".lifeboat/incoming/0123"])
      await writeFile(join(under.root, name), "foreign");
    await execa("mkfifo", [join(under.root, "a/pipe")]);
    expect(await keys(under.store, "")).toEqual(["a/k"]);
    expect(await under.store.head("a/pipe")).toBeUndefined();
    await expect(collect(under.store.get("a/pipe"))).rejects.toMatchObject({ code: "verify/missing" });
  });

  test("goes on where objects and folders vanish under it", async () => {
    for (let number = 0; number < 140; number += 1) await under.store.put(`k/${1000 + number}`, once("x"));
    await under.store.put("l/1", once("x"));
    const seen: string[] = [];
    for await (const { key } of under.store.list("")) {
      if (seen.length === 0) {
        await rm(join(under.root, "l"), { recursive: true });
        await under.store.remove("k/1139");
      }
      seen.push(key);
    }
    expect(seen).toHaveLength(139);
    expect(seen).not.toContain("k/1139");
  });
});

describe("a file that changes while it is read", () => {
  const MIB = 1024 * 1024;

  test("is told where it was cut short", async () => {
    await under.store.put("k", inChunks(randomBytes(6 * MIB), [MIB]));
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of under.store.get("k")) {
        bytes += chunk.length;
        await truncate(join(under.root, "k"), 3 * MIB);
      }
    })();
    expect(await failureOf(reading)).toMatchObject({
      code: "store/failed",
      message: `k in ${under.root} was cut short at byte ${3 * MIB} while it was read`,
    });
    expect(bytes).toBe(3 * MIB);
    expect(await under.openReads()).toBe(0);
  });

  test("is read to its end, as it was, where it is removed or replaced", async () => {
    const content = randomBytes(6 * MIB);
    for (const change of [() => under.store.remove("k"), () => under.store.put("k", once("new"))]) {
      await under.store.put("k", inChunks(content, [MIB]));
      const read: Uint8Array[] = [];
      for await (const chunk of under.store.get("k")) {
        if (read.length === 0) await change();
        read.push(chunk);
      }
      expect(Buffer.concat(read).equals(content)).toBe(true);
    }
  });
});
