import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { StateFolder } from "../../../shared/host/files/state-folder.ts";
import { GuardedStore } from "../../../shared/vault/place/guarded-store.ts";
import type { Guard } from "../../../shared/vault/place/guarded-store.ts";
import { readMarker } from "../../../shared/vault/place/marker.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import type { BlobStore } from "../../../shared/store/blob-store.ts";
import { DirectoryBlobStore } from "../../../shared/store/directory/directory-store.ts";
import { readUntil } from "../../../shared/store/read-until.ts";
import { isStoreThere } from "../../../shared/store/directory/places.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { collect, failureOf, keys as keysIn } from "../../support/blobs.ts";
import { makeTestKeys } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";

let keys: TestKeys;
let folder: string;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-place-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const clock = new ManualClock();
const vault = (): string => join(folder, "disk/vault");
const plain = (): DirectoryBlobStore => new DirectoryBlobStore(vault(), randomBytes);

/** As a new process opens it. */
function open(makes: boolean, change: Partial<Guard> = {}, blobs: BlobStore = plain()): GuardedStore {
  const records = new StateFolder(join(folder, "state"));
  const guard = { isThere: () => isStoreThere(vault()), mustExist: false, records, trusted: keys.trusted, clock, ...change };
  return new GuardedStore(blobs, guard, makes ? keys.ring : undefined);
}

async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from("x");
}

const put = (store: BlobStore, key = "clusters/prod/custody/0000000/0000000001.json"): Promise<unknown> =>
  store.put(key, body(), { ifAbsent: true });
const idOf = async (): Promise<unknown> => readMarker(plain(), keys.trusted);

describe("the first put", () => {
  test("makes a store where there is none, marks it, and the host remembers which", async () => {
    await put(open(true));
    expect((await readdir(vault())).toSorted()).toEqual([".lifeboat", "clusters", "store.json"]);
    expect(await idOf()).toMatchObject({
      store: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      createdAt: clock.now().toISOString(),
      doubt: undefined,
    });
    const [file = ""] = await readdir(join(folder, "state/stores"));
    expect(JSON.parse(await readFile(join(folder, "state/stores", file), "utf8"))).toEqual({
      location: vault(),
      store: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      since: clock.now().toISOString(),
    });
  });

  test("of a store of an older lifeboat marks it, and by many at once it has one marker", async () => {
    await put(plain(), "clusters/prod/a");
    await Promise.all(["b", "c", "d", "e"].map((name) => put(open(true), `clusters/prod/${name}`)));
    await put(open(true), "clusters/prod/f");
    expect(await keysIn(plain(), "")).toEqual(["a", "b", "c", "d", "e", "f"].map((name) => `clusters/prod/${name}`).concat("store.json"));
  });

  test("by a command that makes no store marks none", async () => {
    await mkdir(vault(), { recursive: true });
    await put(open(false));
    expect(await idOf()).toBe("absent");
  });

  test("by the role that verifies marks it with its own key", async () => {
    const { trusted } = keys;
    await put(open(true, { trusted: { ...trusted, snapshot: [] } }));
    expect(await readMarker(plain(), { ...trusted, snapshot: [] })).toMatchObject({ doubt: undefined });
  });

  test("goes through where the role may not put the marker", async () => {
    const memory = new MemoryBlobStore(clock);
    const refusing: BlobStore = {
      ...readUntil(memory, new AbortController().signal),
      put: async (key, ...rest) => {
        if (key === "store.json") throw new LifeboatError("store/denied", "no");
        return memory.put(key, ...rest);
      },
    };
    await put(open(true, { isThere: () => Promise.resolve(true) }, refusing), "clusters/prod/a");
    expect([...memory.objects.keys()]).toEqual(["clusters/prod/a"]);
  });
});

describe("a disk that is not mounted", () => {
  const unmount = async (): Promise<void> => {
    await rename(join(folder, "disk"), join(folder, "away"));
    await mkdir(join(folder, "disk"));
  };

  test("is no store, whatever is asked; nothing is made, and the body of a put is closed", async () => {
    await put(open(true));
    await unmount();
    for (const makes of [true, false]) {
      const store = open(makes);
      let isClosed = false;
      async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
        try {
          yield Buffer.from("x");
        } finally {
          isClosed = true;
        }
      }
      const stream = watched();
      await stream.next();
      const asked = [
        store.put("clusters/prod/b", stream),
        store.head("clusters/prod/a"),
        collect(store.get("clusters/prod/a")),
        store.checksum("clusters/prod/a"),
        keysIn(store, ""),
        Array.fromAsync(store.listFolders("clusters/")),
        Array.fromAsync(store.listVersions("clusters/")),
        store.remove("clusters/prod/a"),
        store.lockOf("clusters/prod/a"),
        store.extendLock("clusters/prod/a", undefined, clock.now()),
        Array.fromAsync(store.listUnfinished()),
        store.removeUnfinished("0".repeat(32)),
        store.removeAbandoned(),
      ];
      for (const failure of await Promise.all(asked.map((each) => failureOf(each))))
        expect(failure).toMatchObject({ code: "store/missing" });
      expect(isClosed).toBe(true);
    }
    expect(await readdir(join(folder, "disk"))).toEqual([]);
  });

  test("nor is the empty folder that it is mounted on", async () => {
    await put(open(true));
    await unmount();
    await mkdir(vault());
    expect(await failureOf(keysIn(open(false), ""))).toMatchObject({ code: "store/missing" });
    expect(await failureOf(put(open(true)))).toMatchObject({ code: "store/missing" });
    expect(await readdir(vault())).toEqual([]);
  });

  test("is looked for anew each time, and found when it is mounted", async () => {
    await put(open(true));
    await unmount();
    const store = open(false);
    expect(await failureOf(keysIn(store, ""))).toMatchObject({ code: "store/missing" });
    await rm(join(folder, "disk"), { recursive: true });
    await rename(join(folder, "away"), join(folder, "disk"));
    expect(await keysIn(store, "clusters/")).toEqual(["clusters/prod/custody/0000000/0000000001.json"]);
  });

  test("or is another one: a host that only reads remembers, too", async () => {
    await put(open(true, { records: undefined }));
    await keysIn(open(false), "");
    await rm(vault(), { recursive: true });
    await put(open(true, { records: undefined }));
    expect(await failureOf(keysIn(open(false), ""))).toMatchObject({ code: "store/other" });
    expect(await failureOf(put(open(true)))).toMatchObject({ code: "store/other" });
    // A person says that it is right.
    await rm(join(folder, "state"), { recursive: true });
    expect(await keysIn(open(false), "store")).toEqual(["store.json"]);
  });

  test("with mustExist is noticed on a host that remembers nothing, too", async () => {
    for (const makes of [true, false])
      expect(await failureOf(put(open(makes, { mustExist: true, records: undefined })))).toMatchObject({ code: "store/missing" });
    await put(open(true));
    await put(open(true, { mustExist: true, records: undefined }), "clusters/prod/b");
  });
});

describe("what this host remembers never stands in the way", () => {
  test.each<[string, (state: string) => Promise<void>]>([
    ["is a file in the folder's place", (state) => writeFile(state, "")],
    ["is a link to nothing", (state) => symlink("/proc/nowhere/state", state)],
  ])("where its folder %s", async (_, make) => {
    await make(join(folder, "state"));
    await put(open(true));
    expect(await keysIn(open(false), "store")).toEqual(["store.json"]);
  });

  test("where its file is none of ours", async () => {
    await put(open(true));
    const [file = ""] = await readdir(join(folder, "state/stores"));
    await writeFile(join(folder, "state/stores", file), "{");
    await put(open(true), "clusters/prod/b");
    // Remembered anew.
    expect(await readFile(join(folder, "state/stores", file), "utf8")).toContain(vault());
  });
});
