import { createHash, randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import type { BlobStore } from "../../shared/store/blob-store.ts";
import { readSmall } from "../../shared/store/blob-store.ts";
import { collect, failureOf, inChunks, keys, once, read, text, watched } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

/** A store to hold against the contract of BlobStore, empty, with what the suite must see of its inside. */
export interface StoreUnderTest {
  readonly store: BlobStore;
  /** Bytes of the put under way that the store has taken so far. */
  written(): Promise<number>;
  /** How many bytes more than `written` a body may have been asked for. */
  readonly aheadBytes: number;
  /** From so many bytes on, and at least one, a put that still runs is known to the store. */
  readonly unheardBytes: number;
  /** Files, sockets or the like that reads hold. */
  openReads(): Promise<number>;
  close(): Promise<void>;
}

/** The conformance suite of BlobStore: every adapter and the double pass it. */
export function blobStoreContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of BlobStore`, () => {
    let under: StoreUnderTest;
    let store: BlobStore;
    beforeEach(async () => {
      under = await makeStore();
      store = under.store;
    });
    afterEach(() => under.close());

    describe("put and get", () => {
      test.each([0, 1, 4096, 5 * 1024 * 1024 + 77])("give %i bytes back as they were, from chunks of odd sizes", async (bytes) => {
        const content = randomBytes(bytes);
        const info = await store.put("clusters/prod/data/a.age", inChunks(content, [1, 65_537, 3, 1_000_003]));
        expect(info).toMatchObject({ key: "clusters/prod/data/a.age", bytes });
        expect(await store.head("clusters/prod/data/a.age")).toEqual({ ...info, modified: expect.any(Date) as unknown });
        expect(digest(await read(store, "clusters/prod/data/a.age"))).toBe(digest(content));
        expect(await store.checksum("clusters/prod/data/a.age")).toBe(crc32(content));
      });

      test("take chunks that are empty or are filled again after they were taken", async () => {
        const shared = new Uint8Array(3);
        await store.put(
          "reused",
          (async function* () {
            for (const value of [1, 2, 3]) {
              shared.fill(value);
              yield shared;
              yield new Uint8Array();
              await setImmediate();
            }
          })(),
        );
        expect([...(await read(store, "reused"))]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
      });

      test("replace what was there, also by less", async () => {
        await store.put("k", once("a longer text"));
        await store.put("k", once("short"));
        expect(await text(store, "k")).toBe("short");
        expect(await store.head("k")).toMatchObject({ bytes: 5 });
      });

      test("show nothing of an object before its put resolves, and all of it then", async () => {
        const seen: unknown[] = [];
        const putting = store.put(
          "a/k",
          (async function* () {
            yield Buffer.from("first ");
            seen.push(await store.head("a/k"), await keys(store, ""));
            yield Buffer.from("second");
            seen.push(await store.head("a/k"), await keys(store, "a/"));
          })(),
        );
        await putting;
        expect(seen).toEqual([undefined, [], undefined, []]);
        expect(await text(store, "a/k")).toBe("first second");
      });

      test("read ranges: inside, to the end, past the end, empty", async () => {
        const content = randomBytes(3 * 1024 * 1024);
        await store.put("k", inChunks(content, [700_001]));
        for (const [start, end] of [
          [0, 1],
          [5, 5],
          [1_048_575, 2_097_153],
          [3_145_727, 3_145_728],
          [3_145_000, 9e15],
          [3_145_728, 3_145_729],
          [9e14, 9e15],
        ] as const) {
          const part = await read(store, "k", { start, end });
          expect(part.equals(content.subarray(Math.min(start, content.length), Math.min(end, content.length))), `${start} to ${end}`).toBe(
            true,
          );
        }
      });

      test.each([
        [-1, 4],
        [3, 2],
        [0.5, 2],
        [0, Number.NaN],
      ])("refuse the range %d to %d", async (start, end) => {
        await store.put("k", once("content"));
        await expect(read(store, "k", { start, end })).rejects.toMatchObject({
          code: "store/failed",
          message: saying("are no range of k"),
        });
      });

      test("leave the bytes that were handed out alone while reading goes on", async () => {
        const content = randomBytes(4 * 1024 * 1024);
        await store.put("k", inChunks(content, [1 << 20]));
        const held: Uint8Array[] = [];
        for await (const chunk of store.get("k")) held.push(chunk);
        expect(Buffer.concat(held).equals(content)).toBe(true);
      });
    });

    describe("put with ifAbsent", () => {
      test("stores where nothing is, then refuses and leaves what is there", async () => {
        await store.put("m/1.json", once("first"), { ifAbsent: true });
        const second = watched(["second"]);
        await expect(store.put("m/1.json", second.body, { ifAbsent: true })).rejects.toMatchObject({
          code: "store/exists",
          retryable: false,
          message: saying("m/1.json is already in "),
        });
        expect(second.isOver()).toBe(true);
        expect(await text(store, "m/1.json")).toBe("first");
        expect(await keys(store, "")).toEqual(["m/1.json"]);
      });

      test("lets exactly one of eight that race win, whole", async () => {
        const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(300_000 + index, index + 1));
        // Each body waits until all eight puts have begun, so that none finds the key taken when it starts.
        let begun = 0;
        const results = await Promise.allSettled(
          bodies.map((content) =>
            store.put(
              "race/k",
              (async function* () {
                begun += 1;
                while (begun < bodies.length) await setImmediate();
                yield* inChunks(content, [65_536]);
              })(),
              { ifAbsent: true },
            ),
          ),
        );
        const winners = results.flatMap((result, index) => (result.status === "fulfilled" ? [index] : []));
        expect(winners).toHaveLength(1);
        for (const result of results) {
          if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "store/exists" });
        }
        const winner = bodies[winners[0] ?? -1];
        expect(digest(await read(store, "race/k"))).toBe(digest(winner ?? Buffer.alloc(0)));
        expect(await keys(store, "")).toEqual(["race/k"]);
      });
    });

    describe("a put that fails", () => {
      test.each([false, true])("passes the body's error on unchanged and leaves nothing (ifAbsent: %s)", async (ifAbsent) => {
        const broken = new Error("the member went away");
        const body = (async function* () {
          yield randomBytes(200_000);
          throw broken;
        })();
        await expect(store.put("a/k", body, { ifAbsent })).rejects.toBe(broken);
        expect(await store.head("a/k")).toBeUndefined();
        expect(await keys(store, "")).toEqual([]);
        await store.put("a/k", once("next"), { ifAbsent });
        expect(await text(store, "a/k")).toBe("next");
      });

      test("leaves the object that was there untouched", async () => {
        await store.put("k", once("earlier"));
        const info = await store.head("k");
        const body = (async function* () {
          yield Buffer.from("half of the n");
          throw new LifeboatError("etcd/stream", "cut");
        })();
        await expect(store.put("k", body)).rejects.toMatchObject({ code: "etcd/stream", message: "cut" });
        expect(await store.head("k")).toEqual(info);
        expect(await text(store, "k")).toBe("earlier");
      });

      test("by a signal that had aborted: pulls nothing and closes the body", async () => {
        const reason = new Error("SIGTERM");
        const body = watched(["x"]);
        const failure = await failureOf(store.put("a/k", body.body, { signal: AbortSignal.abort(reason) }));
        expect(failure).toMatchObject({ code: "interrupted", cause: reason, message: saying("put of a/k") });
        expect(body).toMatchObject({ pulls: 0, returns: 1 });
        expect(await keys(store, "")).toEqual([]);
      });

      test("by a signal between chunks: closes the body and leaves nothing", async () => {
        const controller = new AbortController();
        const body = watched(["one", "two", "three"], (pulls) => {
          if (pulls === 2) controller.abort();
        });
        await expect(store.put("a/k", body.body, { signal: controller.signal })).rejects.toMatchObject({ code: "interrupted" });
        expect(body).toMatchObject({ pulls: 2, returns: 1 });
        expect(await keys(store, "")).toEqual([]);
      });

      test.each([
        ["waits for the pull, as a generator's does", () => new Promise<never>(() => undefined)],
        ["fails as well", () => Promise.reject(new Error("closing failed as well"))],
      ])("by a signal while the body hangs: rejects at once and calls the body's return, which %s", async (_, closing) => {
        const controller = new AbortController();
        let returns = 0;
        const body: AsyncIterable<Uint8Array> = {
          [Symbol.asyncIterator]: () => ({
            next: () => {
              queueMicrotask(() => controller.abort("timeout"));
              return new Promise(() => undefined);
            },
            return: () => {
              returns += 1;
              return closing();
            },
          }),
        };
        const failure = await failureOf(store.put("a/k", body, { signal: controller.signal }));
        expect(failure).toMatchObject({ code: "interrupted", cause: "timeout" });
        expect(returns).toBe(1);
        expect(await keys(store, "")).toEqual([]);
      });

      test("is not interrupted by a signal that aborts after it resolved", async () => {
        const controller = new AbortController();
        await store.put("k", once("x"), { signal: controller.signal });
        controller.abort();
        expect(await text(store, "k")).toBe("x");
      });
    });

    test("pulls a body no faster than it is written", async () => {
      const chunk = randomBytes(512 * 1024);
      const ahead: number[] = [];
      const body = (async function* () {
        for (let pulled = 0; pulled < 72; pulled += 1) {
          ahead.push(pulled * chunk.length - (await under.written()));
          yield chunk;
        }
      })();
      await store.put("k", body);
      expect(ahead).toHaveLength(72);
      expect(Math.max(...ahead)).toBeLessThanOrEqual(under.aheadBytes);
    });

    describe("list", () => {
      const KEYS = ["a-b", "a.b", "a/b", "a/b-1", "a/b.1", "a/c/d", "a0", "aB", "a_b", "ab", "B", "z@1"];

      test("is in ascending order of the whole key's bytes, across folders", async () => {
        // "a/b" with "a/b/x" cannot stand side by side, "a/c/d" beside "a-b" and "a0" can: '-' < '.' < '/' < '0'.
        for (const key of KEYS.toReversed()) await store.put(key, once(key));
        const sorted = KEYS.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
        expect(await keys(store, "")).toEqual(sorted);
        for (const prefix of ["a", "a/", "a/b", "a/c", "a/c/", "a/c/d", "a/c/d/", "ab", "z@", "B", "x", "a/x/y", "z@1/x"]) {
          expect(await keys(store, prefix), prefix).toEqual(sorted.filter((key) => key.startsWith(prefix)));
        }
      });

      test("does not begin where the signal has aborted", async () => {
        await store.put("a/b", once("content"));
        const failure = await failureOf(collect(store.list("a/", { signal: AbortSignal.abort(new Error("enough")) })));
        expect(failure).toMatchObject({ code: "interrupted" });
        expect(await collect(store.list("a/", { signal: new AbortController().signal }))).toHaveLength(1);
      });

      test("gives size and time of each object, and none of an empty store", async () => {
        expect(await keys(store, "")).toEqual([]);
        expect(await keys(store, "clusters/prod/")).toEqual([]);
        await store.put("a/1", once("12345"));
        await store.put("a/2", once(""));
        const modified = expect.any(Date) as unknown;
        const listed = await collect(store.list("a/"));
        expect(listed).toHaveLength(2);
        expect(listed).toMatchObject([
          { key: "a/1", bytes: 5, modified },
          { key: "a/2", bytes: 0, modified },
        ]);
        await store.put("a/1", once("54321"));
        const [changed, same] = await collect(store.list("a/"));
        expect(same).toEqual(listed[1]);
        expect(changed).toMatchObject({ key: "a/1", bytes: 5 });
        if (changed?.tag !== undefined) expect(changed.tag).not.toBe(listed[0]?.tag);
      });

      test("gives every one of a hundred and fifty in one folder, and may be left early", async () => {
        const names = Array.from({ length: 150 }, (_, index) => `many/${String(index).padStart(4, "0")}`);
        for (const key of names) await store.put(key, once(key));
        expect(await keys(store, "many/")).toEqual(names);
        expect(await keys(store, "many/01")).toEqual(names.slice(100));
        for await (const { key } of store.list("many/")) {
          expect(key).toBe("many/0000");
          break;
        }
      });

      test.each(["../", "/a", "a//", ".", "a/.b", "ä", "x".repeat(256)])("refuses the prefix %j", async (prefix) => {
        await expect(keys(store, prefix)).rejects.toMatchObject({ code: "store/failed", message: saying("is not a prefix that") });
      });
    });

    describe("listFolders", () => {
      const folders = async (prefix: string): Promise<readonly string[]> => collect(store.listFolders(prefix));

      test("gives the folders below a prefix up to its next slash, each once and in order, and no object", async () => {
        for (const key of ["a/1", "a/b/1", "a/b/c/1", "a/b-c/1", "a/b.c/1", "a/d", "a0/1", "b/1", "c"]) await store.put(key, once(key));
        expect(await folders("")).toEqual(["a/", "a0/", "b/"]);
        expect(await folders("a")).toEqual(["a/", "a0/"]);
        expect(await folders("a/")).toEqual(["a/b-c/", "a/b.c/", "a/b/"]);
        expect(await folders("a/b")).toEqual(["a/b-c/", "a/b.c/", "a/b/"]);
        expect(await folders("a/b/")).toEqual(["a/b/c/"]);
        for (const none of ["a/b/c/", "c", "c/", "a/d/", "nothing/here/"]) expect(await folders(none), none).toEqual([]);
      });

      test("gives each of a hundred and fifty, and may be left early", async () => {
        const names = Array.from({ length: 150 }, (_, index) => `many/${String(index).padStart(4, "0")}/`);
        for (const folder of names) await store.put(`${folder}x`, once("x"));
        expect(await folders("many/")).toEqual(names);
        for await (const folder of store.listFolders("many/")) {
          expect(folder).toBe("many/0000/");
          break;
        }
      });

      test("does not begin where the signal has aborted, and refuses what is no prefix", async () => {
        const failure = await failureOf(collect(store.listFolders("a/", { signal: AbortSignal.abort() })));
        expect(failure).toMatchObject({ code: "interrupted" });
        await expect(folders("../")).rejects.toMatchObject({ code: "store/failed", message: saying("is not a prefix that") });
      });
    });

    describe("remove", () => {
      test("takes the object away and leaves its neighbours", async () => {
        await store.put("a/1", once("1"));
        await store.put("a/2", once("2"));
        await store.remove("a/1");
        expect(await store.head("a/1")).toBeUndefined();
        expect(await keys(store, "")).toEqual(["a/2"]);
        await store.put("a/1", once("again"), { ifAbsent: true });
        expect(await text(store, "a/1")).toBe("again");
      });

      test("does nothing where there is nothing, and to what only begins so", async () => {
        await store.remove("a");
        await store.put("a/1", once("1"));
        await store.remove("a");
        await store.remove("a/1/2");
        await store.remove("b/c");
        expect(await keys(store, "")).toEqual(["a/1"]);
      });
    });

    describe("a key that is not there", () => {
      test.each(["nothing", "a/nothing", "a/k/below", "a"])("%s is missing", async (key) => {
        await store.put("a/k", once("x"));
        expect(await store.head(key)).toBeUndefined();
        const missing = { code: "verify/missing", retryable: false, message: saying(`${key} is not in `) };
        await expect(read(store, key)).rejects.toMatchObject(missing);
        await expect(store.checksum(key)).rejects.toMatchObject(missing);
        await expect(readSmall(store, key, 10)).rejects.toMatchObject(missing);
      });
    });

    describe("keys that are none", () => {
      const LONG_SEGMENT = `a/${"x".repeat(256)}`;
      const LONG_KEY = Array.from({ length: 6 }, () => "x".repeat(90)).join("/");
      test.each(["../x", "/x", "x/", "a//b", ".x", "a/.b", "a/..", "", "a b", "a\\b", "a\nb", "a\0b", "ä", "a/", LONG_SEGMENT, LONG_KEY])(
        "%j is refused by every call",
        async (key) => {
          const refusal = { code: "store/failed", message: saying("is not a key that"), hint: saying("segments") };
          const body = watched(["x"]);
          await expect(store.put(key, body.body)).rejects.toMatchObject(refusal);
          expect(body).toMatchObject({ pulls: 0, returns: 1 });
          await expect(read(store, key)).rejects.toMatchObject(refusal);
          await expect(store.head(key)).rejects.toMatchObject(refusal);
          await expect(store.checksum(key)).rejects.toMatchObject(refusal);
          await expect(store.remove(key)).rejects.toMatchObject(refusal);
          await expect(store.presign(key, { until: new Date("2100-01-01") })).rejects.toMatchObject(refusal);
          await expect(store.lockOf(key)).rejects.toMatchObject(refusal);
          await expect(store.extendLock(key, undefined, new Date(0))).rejects.toMatchObject(refusal);
          expect(await keys(store, "")).toEqual([]);
        },
      );

      test("are told from the longest that are", async () => {
        const key = `${"x".repeat(255)}/${"y".repeat(254)}/z`;
        await store.put(key, once("x"));
        expect(await keys(store, "")).toEqual([key]);
      });
    });

    describe("a read that is not finished", () => {
      test("frees what it holds when the loop is left, whether by break or by an error", async () => {
        await store.put("k", inChunks(randomBytes(6 * 1024 * 1024), [1 << 20]));
        const before = await under.openReads();
        for await (const chunk of store.get("k")) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(await under.openReads()).toBe(before + 1);
          break;
        }
        expect(await under.openReads()).toBe(before);
        const failed = failureOf(
          (async () => {
            for await (const _ of store.get("k")) throw new Error("the consumer failed");
          })(),
        );
        expect(await failed).toMatchObject({ message: "the consumer failed" });
        expect(await under.openReads()).toBe(before);
      });

      test("ends with interrupted when its signal aborts, before and during", async () => {
        await store.put("k", inChunks(randomBytes(6 * 1024 * 1024), [1 << 20]));
        const before = await under.openReads();
        await expect(collect(store.get("k", { signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: "interrupted" });
        const controller = new AbortController();
        let chunks = 0;
        const reading = (async () => {
          for await (const _ of store.get("k", { signal: controller.signal })) {
            chunks += 1;
            controller.abort("enough");
          }
        })();
        expect(await failureOf(reading)).toMatchObject({ code: "interrupted", cause: "enough", message: saying("reading k in ") });
        expect(chunks).toBe(1);
        await expect(store.checksum("k", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "interrupted" });
        expect(await under.openReads()).toBe(before);
      });

      test("holds nothing before it is iterated", async () => {
        await store.put("k", once("x"));
        const before = await under.openReads();
        store.get("k");
        store.get("not there");
        expect(await under.openReads()).toBe(before);
      });
    });

    describe("unfinished puts", () => {
      test("are listed while they run, and gone when they are done or have failed", async () => {
        const begun = Promise.withResolvers<void>();
        const go = Promise.withResolvers<void>();
        async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
          yield randomBytes(under.unheardBytes);
          begun.resolve();
          await go.promise;
        }
        expect(await collect(store.listUnfinished())).toEqual([]);
        const put = store.put("k", slow());
        await begun.promise;
        expect(await collect(store.listUnfinished())).toMatchObject([{ modified: expect.any(Date) as unknown }]);
        expect(await keys(store, "")).toEqual([]);
        go.resolve();
        await put;
        expect(await collect(store.listUnfinished())).toEqual([]);
      });

      test("that are thrown away under a running put make it fail, and nothing is visible", async () => {
        const begun = Promise.withResolvers<void>();
        const go = Promise.withResolvers<void>();
        async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
          yield randomBytes(under.unheardBytes);
          begun.resolve();
          await go.promise;
        }
        const put = store.put("k", slow());
        await begun.promise;
        for (const { id } of await collect(store.listUnfinished())) {
          await store.removeUnfinished(id);
          await store.removeUnfinished(id);
        }
        go.resolve();
        expect(await failureOf(put)).toMatchObject({ code: "store/failed" });
        expect(await keys(store, "")).toEqual([]);
        expect(await collect(store.listUnfinished())).toEqual([]);
      });
    });

    test("readSmall gives small objects whole and refuses larger ones", async () => {
      await store.put("k", once("12345"));
      expect(Buffer.from(await readSmall(store, "k", 5)).toString()).toBe("12345");
      await expect(readSmall(store, "k", 4)).rejects.toMatchObject({ code: "verify/size", message: saying("larger than 4 bytes") });
    });

    test("says where it is", () => {
      expect(store.location).not.toBe("");
    });
  });
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
