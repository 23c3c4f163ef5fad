import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { execa, execaSync } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { collect, keys, once, text } from "../../support/blobs.ts";
import { skipWithout } from "../../support/programs.ts";
import { directoryUnderTest, incoming, type DirectoryUnderTest } from "./directory-under-test.ts";
import type { Report } from "./writer.ts";

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));
const MIB = 1024 * 1024;

let under: DirectoryUnderTest;
beforeEach(async () => {
  under = await directoryUnderTest();
});
afterEach(() => under.close());

/** Runs the writer behind `before` (a shell line that ends in `"$@"`). */
async function report(before: string, ...args: readonly string[]): Promise<Report> {
  const { stdout } = await execa("sh", ["-c", before, "sh", process.execPath, WRITER, ...args], { env: { NODE_OPTIONS: "" } });
  // The writer prints a Report: see its print().
  return JSON.parse(stdout) as Report;
}

describe("a store without room", () => {
  test("says so where a file may not grow further, and leaves nothing", async () => {
    // 512 blocks are 256 KiB or 512 KiB, as the shell counts.
    expect(await report('ulimit -f 512; exec "$@"', "put", under.root, "a/large", String(2 * MIB))).toEqual({
      put: {
        code: "store/full",
        message: `cannot write a/large in ${under.root}: file too large (EFBIG)`,
        hint: "raise the file size limit (ulimit -f), or use a file system that takes larger files",
      },
      keys: [],
      incoming: [],
    });
  });

  const mayMount = execaSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { reject: false }).exitCode === 0;
  test.skipIf(skipWithout("mounting in a user namespace", mayMount))("says so where the disk is full, and leaves nothing", async () => {
    await mkdir(under.root, { recursive: true });
    const before = `exec unshare -rm sh -c 'mount -t tmpfs -o size=1m none "$0" && exec "$@"' '${under.root}' "$@"`;
    expect(await report(before, "put", under.root, "a/large", String(2 * MIB))).toEqual({
      put: {
        code: "store/full",
        message: `cannot write a/large in ${under.root}: no space left on device (ENOSPC)`,
        hint: "free space on that disk or move the store to a larger one, then try again",
      },
      keys: [],
      incoming: [],
    });
    expect(await report(before, "put", under.root, "a/small", "1000")).toEqual({ put: "done", keys: ["a/small"], incoming: [] });
  });

  test.skipIf(skipWithout("mounting in a user namespace", mayMount))("a read-only disk is told as denied", async () => {
    await mkdir(under.root, { recursive: true });
    const before = `exec unshare -rm sh -c 'mount -t tmpfs -o ro none "$0" && exec "$@"' '${under.root}' "$@"`;
    const { put } = await report(before, "put", under.root, "a", "10");
    expect(put).toEqual({
      code: "store/denied",
      message: `cannot write a in ${under.root}: read-only file system (EROFS)`,
      hint: "mount the file system writable, or configure another path for the store",
    });
  });
});

test("a store that this user may not touch is told as denied by put, get and list", async () => {
  await under.store.put("a/k", once("x"));
  await under.store.put("closed/k", once("x"));
  await chmod(join(under.root, "a/k"), 0o000);
  await chmod(join(under.root, "closed"), 0o000);
  for (const folder of [under.above, join(under.above, "not"), join(under.above, "not/yet"), join(under.root, "a")])
    await chmod(folder, 0o755);
  await chmod(join(under.root, ".lifeboat/incoming"), 0o555);
  await chmod(join(under.root, ".lifeboat"), 0o555);
  await chmod(under.root, 0o555);
  try {
    const { put, get, list } = await report('exec "$@"', "denied", under.root, "a/k");
    const hint = "give the user that runs lifeboat read and write permission in that folder";
    expect(put).toEqual({ code: "store/denied", message: `cannot write clusters/new in ${under.root}: permission denied (EACCES)`, hint });
    expect(get).toEqual({ code: "store/denied", message: `cannot open a/k in ${under.root}: permission denied (EACCES)`, hint });
    expect(list).toEqual({ code: "store/denied", message: `cannot list closed/ in ${under.root}: permission denied (EACCES)`, hint });
  } finally {
    for (const path of ["", ".lifeboat", ".lifeboat/incoming", "closed", "a"]) await chmod(join(under.root, path), 0o700);
  }
});

describe("kill -9", () => {
  test("in the middle of a put leaves nothing visible, and the next put works", async () => {
    await under.store.put("a/k", once("earlier"));
    const child = execa(process.execPath, [WRITER, "hang", under.root, "a/k", String(3 * MIB)], {
      reject: false,
      buffer: false,
      env: { NODE_OPTIONS: "" },
    });
    for await (const line of child.iterable()) {
      expect(line).toBe("taken");
      expect(await under.store.removeAbandoned()).toBe(0);
      child.kill("SIGKILL");
    }
    expect(await child).toMatchObject({ signal: "SIGKILL" });
    const [left] = await incoming(under.root);
    expect((await stat(join(under.root, ".lifeboat/incoming", left ?? ""))).size).toBe(3 * MIB);
    expect(await keys(under.store, "")).toEqual(["a/k"]);
    expect(await text(under.store, "a/k")).toBe("earlier");
    await under.store.put("a/k", once("next"));
    expect(await text(under.store, "a/k")).toBe("next");
    expect(await incoming(under.root)).toEqual([left]);
    expect(await under.store.removeAbandoned()).toBe(1);
    expect(await incoming(under.root)).toEqual([]);
    expect(await text(under.store, "a/k")).toBe("next");
  });

  test("at any moment of many puts leaves only whole objects", async () => {
    for (let round = 0; round < 4; round += 1) {
      const child = execa(process.execPath, [WRITER, "forever", join(under.root, String(round)), String(300_000)], {
        reject: false,
        env: { NODE_OPTIONS: "" },
      });
      const enough = 3 + round * 5;
      const objects = `${round}/objects/`;
      try {
        await vi.waitUntil(async () => (await keys(under.store, objects)).length >= enough, { timeout: 20_000, interval: 3 });
      } finally {
        child.kill("SIGKILL");
      }
      expect(await child).toMatchObject({ signal: "SIGKILL" });
      const written = await collect(under.store.list(objects));
      expect(written.length).toBeGreaterThanOrEqual(enough);
      for (const { key, bytes } of written) {
        expect(bytes).toBe(300_000);
        const number = Number(key.slice(objects.length)) % 256;
        expect((await readFile(join(under.root, key))).every((byte) => byte === number)).toBe(true);
      }
    }
  });
});
