import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { blobStoreContract, type StoreUnderTest } from "../contract/blob-store.ts";
import { blobVersionsContract, unversionedContract, type VersionsUnderTest } from "../contract/blob-versions.ts";
import { collect, failureOf, keys, once, text, watched } from "../support/blobs.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryBlobStore } from "./memory-blob-store.ts";
import { saying } from "../support/matchers.ts";

function underTest(versions: boolean): Promise<StoreUnderTest & VersionsUnderTest> {
  const clock = new ManualClock();
  const store = new MemoryBlobStore(clock, { versions, urls: versions });
  return Promise.resolve({
    store,
    aheadBytes: 0,
    unheardBytes: 1,
    written: () => Promise.resolve(store.receivedBytes),
    openReads: () => Promise.resolve(store.openReads),
    now: () => clock.now(),
    passed: (time) => Promise.resolve(clock.advance(time.getTime() - clock.now().getTime())),
    hide: (key) => Promise.resolve(store.hide(key)),
    hold: async (key, version, legalHold) => {
      const until = (await store.lockOf(key, { version }))?.until;
      store.setLock(key, version, { until, legalHold });
    },
    open: (url) => Promise.resolve(store.open(url)),
    // It looks at the time, and knows no signatures.
    minds: false,
    close: () => Promise.resolve(),
  });
}

blobStoreContract("the memory double", () => underTest(false));
blobStoreContract("the memory double with versions", () => underTest(true));
unversionedContract("the memory double", () => underTest(false));
blobVersionsContract("the memory double with versions", () => underTest(true));

describe("the memory double fails as it is told", () => {
  test("a put at byte N, once, for the keys that match", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    store.inject({ call: "put", key: /^data\//, fault: { kind: "error", atByte: 5 } });
    await store.put("manifests/1", once("not hit"));
    const body = watched(["123", "456", "789"]);
    await expect(store.put("data/1", body.body)).rejects.toMatchObject({
      code: "store/failed",
      message: "put of data/1 in memory failed (injected)",
    });
    expect(body).toMatchObject({ pulls: 2, returns: 1 });
    expect(await keys(store, "")).toEqual(["manifests/1"]);
    expect(store.pendingFaults).toEqual([]);
    await store.put("data/1", once("works now"));
    expect(await text(store, "data/1")).toBe("works now");
  });

  test("with the error given, also past the body's end", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    const full = new LifeboatError("store/full", "no room");
    store.inject({ call: "put", key: /./, fault: { kind: "error", atByte: 1000, error: full } });
    await expect(store.put("k", once("short"))).rejects.toBe(full);
    expect(await store.head("k")).toBeUndefined();
  });

  test("a get in the middle, with the bytes before it", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    await store.put("k", once("0123456789"));
    store.inject({ call: "get", key: /^k$/, times: 2, fault: { kind: "error", atByte: 4 } });
    const got: Uint8Array[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const chunk of store.get("k")) got.push(chunk);
      })(),
    );
    expect(failure).toMatchObject({ code: "store/failed" });
    expect(Buffer.concat(got).toString()).toBe("0123");
    expect(store.pendingFaults).toHaveLength(1);
    await expect(text(store, "k")).rejects.toMatchObject({ code: "store/failed" });
    expect(await text(store, "k")).toBe("0123456789");
  });

  test("a short write is acknowledged whole and keeps less", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    store.inject({ call: "put", key: /k/, fault: { kind: "short-write", bytes: 3 } });
    expect(await store.put("k", once("0123456789"))).toMatchObject({ bytes: 10 });
    expect(await text(store, "k")).toBe("012");
  });

  test("a lost acknowledgement: the caller sees a failure, and it is done", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    store.inject({ call: "put", key: /k/, fault: { kind: "lost-acknowledgement" } });
    await expect(store.put("k", once("there"), { ifAbsent: true })).rejects.toMatchObject({
      code: "store/failed",
      message: saying("connection was lost"),
    });
    expect(await text(store, "k")).toBe("there");
    store.inject({ call: "remove", key: /k/, fault: { kind: "lost-acknowledgement" } });
    await expect(store.remove("k")).rejects.toMatchObject({ code: "store/failed" });
    expect(await store.head("k")).toBeUndefined();
  });

  test("a delay lasts until the clock says so, or the signal", async () => {
    const clock = new ManualClock();
    const store = new MemoryBlobStore(clock);
    store.inject({ call: "put", key: /k/, times: 2, fault: { kind: "delay", ms: 60_000 } });
    const putting = store.put("k", once("late"));
    clock.advance(59_999);
    expect(clock.waiting).toBe(1);
    expect(store.objects.has("k")).toBe(false);
    clock.advance(1);
    await putting;
    expect(await text(store, "k")).toBe("late");
    const controller = new AbortController();
    const interrupted = failureOf(store.put("k2", once("never"), { signal: controller.signal }));
    controller.abort();
    expect(await interrupted).toMatchObject({ code: "interrupted" });
    expect(clock.waiting).toBe(0);
  });

  test("head, checksum, list and remove", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    await store.put("a/k", once("x"));
    for (const call of ["head", "checksum", "list", "remove"] as const) store.inject({ call, key: /^a\//, fault: { kind: "error" } });
    const injected = { code: "store/failed", message: saying("(injected)") };
    await expect(store.head("a/k")).rejects.toMatchObject(injected);
    await expect(store.checksum("a/k")).rejects.toMatchObject(injected);
    await expect(keys(store, "a/")).rejects.toMatchObject(injected);
    await expect(store.remove("a/k")).rejects.toMatchObject(injected);
    expect(store.objects.has("a/k")).toBe(true);
    expect(store.calls).toMatchObject({ put: 1, get: 0, head: 1, checksum: 1, list: 1, remove: 1, listUnfinished: 0, removeUnfinished: 0 });
    expect(store.pendingFaults).toEqual([]);
  });

  test("what looks at versions, and what changes them", async () => {
    const store = new MemoryBlobStore(new ManualClock(), { versions: true });
    const { version } = await store.put("a/k", once("x"));
    for (const call of ["listFolders", "listVersions", "lockOf", "extendLock"] as const)
      store.inject({ call, key: /^a\//, fault: { kind: "error" } });
    const until = new Date("2100-01-01");
    for (const call of [
      () => collect(store.listFolders("a/")),
      () => collect(store.listVersions("a/")),
      () => store.lockOf("a/k"),
      () => store.extendLock("a/k", version, until),
    ])
      expect(await failureOf(call())).toMatchObject({ code: "store/failed", message: saying("(injected)") });
    expect(await store.lockOf("a/k")).toBeUndefined();
    store.inject({ call: "extendLock", key: /k/, fault: { kind: "lost-acknowledgement" } });
    await expect(store.extendLock("a/k", version, until)).rejects.toMatchObject({ code: "store/failed" });
    expect(await store.lockOf("a/k")).toEqual({ until, legalHold: false });
    store.setLock("a/k", version, undefined);
    await store.remove("a/k");
    expect(store.calls).toMatchObject({ listFolders: 1, listVersions: 1, lockOf: 3, extendLock: 2, remove: 1 });
    expect(store.pendingFaults).toEqual([]);
    expect(() => new MemoryBlobStore(new ManualClock()).hide("k")).toThrow(TypeError);
  });

  test("and refuses what it does not know", async () => {
    const store = new MemoryBlobStore(new ManualClock());
    expect(() => store.inject({ call: "get", key: /k/, fault: { kind: "short-write", bytes: 1 } })).toThrow(
      "get knows no fault short-write",
    );
    expect(() => store.inject({ call: "head", key: /k/, fault: { kind: "error", atByte: 3 } })).toThrow("head has no bytes to fail at");
    const later: object = { lockUntil: new Date(0) };
    await expect(store.put("k", once("x"), { ...later })).rejects.toThrow("does not know the option lockUntil");
    expect(store.objects.size).toBe(0);
  });
});
