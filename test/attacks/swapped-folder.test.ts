import { randomBytes } from "node:crypto";
import callbacks from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirectoryBlobStore } from "../../shared/store/directory/directory-store.ts";
import { collect, keys, once, text } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

/**
 * Somebody who may write to a folder of a directory store, such as another user of the group that shares it, swaps a folder for a link to one elsewhere in the moment between the look at it and its use: what is
 * put, read or removed is then to be that user's files, with the rights of the one who runs lifeboat.
 */

const KEY = "clusters/prod/data/k";

let above: string, root: string, outside: string, store: DirectoryBlobStore;
beforeEach(async () => {
  above = await fs.mkdtemp(join(tmpdir(), "lifeboat-swapped-"));
  [root, outside] = [join(above, "vault"), join(above, "outside")];
  await fs.mkdir(outside);
  await fs.writeFile(join(outside, "k"), "elsewhere");
  store = new DirectoryBlobStore(root, (bytes) => randomBytes(bytes));
  await store.put(KEY, once("ours"));
});
const original = { open: fs.open, rename: fs.rename, link: fs.link, unlink: fs.unlink };
/** The store reads by it. */
const originalOpen = callbacks.open;
afterEach(async () => {
  Object.assign(fs, original);
  Object.assign(callbacks, { open: originalOpen });
  syncBuiltinESMExports();
  await fs.rm(above, { recursive: true, force: true });
});

/** Just before `call` touches a path that `hits`, for the first time, `folder` is moved away and a link to the folder outside takes its name. Gives what tells whether it was. */
function swapBefore(call: keyof typeof original, folder: string, hits: (path: string) => boolean): () => boolean {
  let isSwapped = false;
  const real = original[call] as (...args: unknown[]) => Promise<unknown>;
  const swap = async (args: readonly unknown[]): Promise<void> => {
    if (isSwapped || !args.some((each) => typeof each === "string" && hits(each))) return;
    isSwapped = true;
    await original.rename(join(root, folder), join(root, "away"));
    await fs.symlink(outside, join(root, folder));
  };
  Object.assign(fs, {
    async [call](...args: unknown[]): Promise<unknown> {
      await swap(args);
      return real(...args);
    },
  });
  if (call === "open")
    Object.assign(callbacks, {
      open(...args: unknown[]): void {
        void swap(args).then(() => (originalOpen as (...all: unknown[]) => void)(...args));
      },
    });
  syncBuiltinESMExports();
  return () => isSwapped;
}

const last = (name: string) => (path: string) => path.endsWith(`/${name}`);

/** Nothing outside was made, changed or removed. */
async function expectUntouched(): Promise<void> {
  expect(await fs.readdir(outside)).toEqual(["k"]);
  expect(await fs.readFile(join(outside, "k"), "utf8")).toBe("elsewhere");
}

describe("a folder that is swapped for a link between the look at it and its use", () => {
  test("has no object put through it", async () => {
    const isSwapped = swapBefore("rename", "clusters/prod/data", last("k"));
    await store.put(KEY, once("new"));
    expect(isSwapped()).toBe(true);
    await expectUntouched();
    expect(await fs.readFile(join(root, "away/k"), "utf8")).toBe("new");
  });

  test("has none put through it that is only to be new", async () => {
    const isSwapped = swapBefore("link", "clusters/prod/data", last("new"));
    await store.put("clusters/prod/data/new", once("new"), { ifAbsent: true });
    expect(isSwapped()).toBe(true);
    await expectUntouched();
    expect(await fs.readFile(join(root, "away/new"), "utf8")).toBe("new");
  });

  test("has nothing written through it before that", async () => {
    const isSwapped = swapBefore("open", ".lifeboat/incoming", (path) => /[0-9a-f]{32}$/.test(path));
    const made: string[] = [];
    await store.put(
      KEY,
      (async function* () {
        yield Buffer.from("new");
        made.push(...(await fs.readdir(outside)));
      })(),
    );
    expect(isSwapped()).toBe(true);
    expect(made).toEqual(["k"]);
    await expectUntouched();
    expect(await text(store, KEY)).toBe("new");
  });

  test("has nothing read through it", async () => {
    const isSwapped = swapBefore("open", "clusters/prod/data", last("k"));
    expect(await text(store, KEY)).toBe("ours");
    expect(isSwapped()).toBe(true);
  });

  test("has nothing removed through it", async () => {
    const isSwapped = swapBefore("unlink", "clusters/prod/data", last("k"));
    await store.remove(KEY);
    expect(isSwapped()).toBe(true);
    await expectUntouched();
    expect(await fs.readdir(join(root, "away"))).toEqual([]);
  });

  test("is refused where it is on the way", async () => {
    await fs.rename(join(root, "clusters"), join(root, "away"));
    await fs.symlink(outside, join(root, "clusters"));
    const refusal = { code: "store/failed", message: saying("clusters in"), hint: saying("follows none") };
    await expect(store.put(KEY, once("new"))).rejects.toMatchObject(refusal);
    await expect(store.head(KEY)).rejects.toMatchObject(refusal);
    await expectUntouched();
  });
});

test("unfinished puts are neither listed nor removed through a link", async () => {
  const id = "0123456789abcdef0123456789abcdef";
  await fs.rename(join(root, ".lifeboat/incoming"), join(root, ".lifeboat/away"));
  await fs.symlink(outside, join(root, ".lifeboat/incoming"));
  await fs.writeFile(join(outside, id), "a file of that name");
  const refusal = { code: "store/failed", message: saying(".lifeboat/incoming in"), hint: saying("follows none") };
  await expect(collect(store.listUnfinished())).rejects.toMatchObject(refusal);
  await expect(store.removeUnfinished(id)).rejects.toMatchObject(refusal);
  expect(await fs.readdir(outside)).toEqual([id, "k"]);
  expect(await keys(store, "")).toEqual([KEY]);
});
