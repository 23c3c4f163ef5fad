import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BlobStore, BlobVersion, PutReceipt } from "../../shared/store/blob-store.ts";
import { collect, failureOf, keys, once, text } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

/** An empty store with versions and locks, and what others do in it behind lifeboat's back. */
export interface VersionsUnderTest {
  readonly store: BlobStore;
  /** By its own clock. */
  now(): Date;
  /** Resolves once that clock is past `time`. */
  passed(time: Date): Promise<void>;
  /** Deletes without naming a version. */
  hide(key: string): Promise<void>;
  /** Puts a version on legal hold, or takes that away. */
  hold(key: string, version: string, isOn: boolean): Promise<void>;
  /** What somebody without credentials gets at a presigned address; undefined where the store refuses. */
  open(url: string): Promise<Uint8Array | undefined>;
  /** Whether it refuses an address that has ended, or was changed: one emulator takes any. */
  readonly minds: boolean;
  close(): Promise<void>;
}

/** So long the locks of these tests last, where they are to end within them. */
const SHORT_MS = 2000;

/** The conformance suite of a BlobStore that has versions and locks, beside that of every BlobStore. */
export function blobVersionsContract(name: string, makeStore: () => Promise<VersionsUnderTest>): void {
  describe(`${name} keeps the contract of a BlobStore with versions`, () => {
    let under: VersionsUnderTest;
    let store: BlobStore;
    beforeEach(async () => {
      under = await makeStore();
      store = under.store;
    });
    afterEach(() => under.close());

    const put = async (key: string, content: string): Promise<PutReceipt & { readonly version: string }> => {
      const receipt = await store.put(key, once(content));
      if (receipt.version === undefined) throw new Error("the receipt names no version");
      return { ...receipt, version: receipt.version };
    };
    const versions = (prefix: string): Promise<readonly BlobVersion[]> => collect(store.listVersions(prefix));
    const shown = async (prefix: string): Promise<readonly (readonly unknown[])[]> =>
      (await versions(prefix)).map((each) => [each.key, each.bytes, each.isLatest, each.isDeleteMarker]);
    const later = (ms: number): Date => new Date(under.now().getTime() + ms);

    test("listVersions shows every version of every key, the latest first, and what hides them", async () => {
      const [first, second] = [await put("a/k", "1"), await put("a/k", "22")];
      const hidden = await put("a/hidden", "333");
      await under.hide("a/hidden");
      await put("b", "4");
      expect(await keys(store, "")).toEqual(["a/k", "b"]);
      expect(await shown("a/")).toEqual([
        ["a/hidden", 0, true, true],
        ["a/hidden", 3, false, false],
        ["a/k", 2, true, false],
        ["a/k", 1, false, false],
      ]);
      const all = await versions("");
      expect(all.map(({ key }) => key)).toEqual(["a/hidden", "a/hidden", "a/k", "a/k", "b"]);
      expect(all.slice(1, 4).map(({ version }) => version)).toEqual([hidden.version, second.version, first.version]);
      expect(new Set(all.map(({ version }) => version)).size).toBe(5);
      for (const { modified } of all) expect(Math.abs(modified.getTime() - under.now().getTime())).toBeLessThan(600_000);
    });

    test("listVersions goes through pages, where one key has more versions than fit into one", async () => {
      for (let turn = 0; turn < 30; turn += 1) await Promise.all(["a", "b"].map((key) => put(`${key}/k`, String(turn))));
      await under.hide("a/k");
      const all = await versions("");
      expect([all.length, new Set(all.map(({ version }) => version)).size]).toEqual([61, 61]);
      expect(all.filter(({ isLatest }) => isLatest)).toMatchObject([{ key: "a/k", isDeleteMarker: true }, { key: "b/k" }]);
      for await (const { key } of store.listVersions("b/")) {
        expect(key).toBe("b/k");
        break;
      }
      const failure = await failureOf(collect(store.listVersions("", { signal: AbortSignal.abort() })));
      expect(failure).toMatchObject({ code: "interrupted" });
    });

    test("a version is removed for good, and no other: an older one, the latest, a delete marker", async () => {
      const [first, second, third] = [await put("k", "1"), await put("k", "22"), await put("k", "333")];
      await store.remove("k", { version: second.version });
      expect(await store.head("k", { version: second.version })).toBeUndefined();
      expect(await shown("k")).toEqual([
        ["k", 3, true, false],
        ["k", 1, false, false],
      ]);
      await store.remove("k", { version: third.version });
      expect(await text(store, "k")).toBe("1");
      await under.hide("k");
      const [marker] = await versions("k");
      await store.remove("k", { version: marker?.version });
      expect(await store.head("k")).toMatchObject({ version: first.version });
      await store.remove("k", { version: first.version });
      expect(await versions("")).toEqual([]);
    });

    test("a version that is not there is removed already", async () => {
      const { version } = await put("k", "1");
      await store.remove("k", { version });
      await store.remove("k", { version });
      const kept = await put("k", "2");
      await store.remove("k", { version });
      await store.remove("other", { version });
      expect(await versions("")).toMatchObject([{ key: "k", version: kept.version }]);
    });

    test("a key is removed with all its versions and what hides them; its neighbours stay", async () => {
      for (const key of ["k", "k", "k0"]) await put(key, "x");
      await under.hide("k");
      await put("k", "again");
      await store.remove("k");
      expect(await shown("")).toEqual([["k0", 1, true, false]]);
      await under.hide("k0");
      await store.remove("k0");
      expect(await versions("")).toEqual([]);
      await store.remove("k0");
    });

    test("what is locked stays visible, and is named with its end, by its version or its key", async () => {
      const { version } = await put("k", "kept");
      const until = later(3_600_000);
      expect(await store.lockOf("k")).toBeUndefined();
      expect(await store.extendLock("k", version, until)).toEqual(until);
      expect(await store.lockOf("k")).toEqual({ until, legalHold: false });
      for (const options of [{ version }, {}]) {
        expect(await failureOf(store.remove("k", options))).toMatchObject({
          code: "store/locked",
          retryable: false,
          message: saying(`is locked until ${until.toISOString()}`),
          lock: { until, legalHold: false },
        });
        expect(await shown("")).toEqual([["k", 4, true, false]]);
        expect(await text(store, "k")).toBe("kept");
      }
    });

    test("a key with an older version that is locked stays as it was shown", async () => {
      const first = await put("k", "1");
      await store.extendLock("k", first.version, later(3_600_000));
      const second = await put("k", "22");
      expect(await failureOf(store.remove("k"))).toMatchObject({ code: "store/locked", message: saying(first.version) });
      expect(await store.head("k")).toMatchObject({ version: second.version });
      expect(await store.lockOf("k", { version: second.version })).toBeUndefined();
      await store.remove("k", { version: second.version });
      expect(await text(store, "k")).toBe("1");
    });

    test("a legal hold has no end, and is told from a lock that has", async () => {
      const { version } = await put("k", "held");
      await under.hold("k", version, true);
      expect(await store.lockOf("k", { version })).toEqual({ until: undefined, legalHold: true });
      const failure = { code: "store/locked", message: saying("by a legal hold"), lock: { until: undefined, legalHold: true } };
      expect(await failureOf(store.remove("k", { version }))).toMatchObject(failure);
      const until = later(3_600_000);
      await store.extendLock("k", version, until);
      expect(await store.lockOf("k")).toEqual({ until, legalHold: true });
      await under.hold("k", version, false);
      expect(await store.lockOf("k")).toEqual({ until, legalHold: false });
    });

    test("a lock is extended and never shortened", async () => {
      const { version } = await put("k", "x");
      const [soon, late] = [later(3_600_000), later(7_200_000)];
      expect(await store.extendLock("k", version, soon)).toEqual(soon);
      expect(await store.extendLock("k", version, late)).toEqual(late);
      expect(await store.extendLock("k", version, soon)).toEqual(late);
      expect(await store.extendLock("k", undefined, late)).toEqual(late);
      expect(await store.lockOf("k", { version })).toEqual({ until: late, legalHold: false });
    });

    test("the lock of one version is not that of the next", async () => {
      const first = await put("k", "1");
      await store.extendLock("k", first.version, later(3_600_000));
      const second = await put("k", "2");
      expect(await store.lockOf("k")).toBeUndefined();
      expect(await store.lockOf("k", { version: second.version })).toBeUndefined();
      expect(await store.lockOf("k", { version: first.version })).toMatchObject({ legalHold: false });
      expect([await store.lockOf("other"), await store.lockOf("k", { version: `${second.version}0` })]).toEqual([undefined, undefined]);
    });

    test("a lock that is over holds nothing", async () => {
      const { version } = await put("k", "x");
      const until = later(SHORT_MS);
      await store.extendLock("k", version, until);
      expect(await failureOf(store.remove("k"))).toMatchObject({ code: "store/locked" });
      await under.passed(until);
      expect(await store.lockOf("k", { version })).toBeUndefined();
      await store.remove("k", { version });
      expect(await versions("")).toEqual([]);
    });

    test("a presigned address gives its version, whatever stands under the key, and says until when", async () => {
      const { version } = await put("a/k@1", "first");
      const until = later(3_600_000);
      const signed = await store.presign("a/k@1", { version, until });
      if (signed === undefined) throw new Error("the store gave no address");
      expect(Math.abs(signed.until.getTime() - until.getTime())).toBeLessThan(2000);
      expect(signed.mayEndSooner).toBe(false);
      await put("a/k@1", "second");
      expect(await openedText(under, signed.url)).toBe("first");
      await under.hide("a/k@1");
      expect(await openedText(under, signed.url)).toBe("first");
      const long = await store.presign("a/k@1", { version, until: later(30 * 86_400_000) });
      expect(Math.abs((long?.until.getTime() ?? 0) - later(7 * 86_400_000).getTime())).toBeLessThan(2000);
      expect(await openedText(under, long?.url ?? "")).toBe("first");
    });

    test("a presigned address is refused once it ended, and for any other object or version", async () => {
      const [first, second] = [await put("k", "1"), await put("k", "22")];
      const until = later(SHORT_MS);
      const signed = await store.presign("k", { version: first.version, until });
      const url = signed?.url ?? "";
      expect(await openedText(under, url)).toBe("1");
      if (!under.minds) return;
      for (const other of [url.replace(first.version, second.version), url.replace("/k?", "/l?")]) {
        expect(other).not.toBe(url);
        expect(await under.open(other)).toBeUndefined();
      }
      await under.passed(until);
      expect(await under.open(url)).toBeUndefined();
    });

    test("nothing that is not there is locked, and a signal that has aborted ends each call before it begins", async () => {
      const { version } = await put("k", "x");
      for (const each of [undefined, version])
        expect(await failureOf(store.extendLock("other", each, later(1000)))).toMatchObject({
          code: "verify/missing",
          message: saying("other is not in "),
        });
      const signal = AbortSignal.abort(new Error("SIGTERM"));
      for (const call of [
        () => store.remove("k", { signal }),
        () => store.remove("k", { version, signal }),
        () => store.lockOf("k", { version, signal }),
        () => store.extendLock("k", version, later(1000), { signal }),
      ])
        expect(await failureOf(call())).toMatchObject({ code: "interrupted" });
      expect([await text(store, "k"), await store.lockOf("k")]).toEqual(["x", undefined]);
    });
  });
}

async function openedText(under: VersionsUnderTest, url: string): Promise<string | undefined> {
  const bytes = await under.open(url);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

/** The same for one that has neither: a folder, a bucket without them. */
export function unversionedContract(name: string, makeStore: () => Promise<{ readonly store: BlobStore; close(): Promise<void> }>): void {
  test(`${name} has one version of each key, which is removed as it is listed, and no locks`, async () => {
    const under = await makeStore();
    const { store } = under;
    try {
      for (const key of ["a/1", "a/2", "b"]) await store.put(key, once("first"));
      await store.put("a/1", once("second one"));
      const all = await collect(store.listVersions("a/"));
      expect(all).toMatchObject([
        { key: "a/1", bytes: 10, isLatest: true, isDeleteMarker: false },
        { key: "a/2", bytes: 5, isLatest: true, isDeleteMarker: false },
      ]);
      const version = all[0]?.version;
      expect(Buffer.concat(await collect(store.get("a/1", { version }))).toString()).toBe("second one");
      expect(await store.head("a/1", { version })).toMatchObject({ bytes: 10 });
      expect(await store.lockOf("a/1", { version })).toBeUndefined();
      expect(await failureOf(store.extendLock("a/1", version, new Date("2100-01-01")))).toMatchObject({ code: "store/no-locks" });
      await store.remove("a/1", { version });
      expect(await store.head("a/1")).toBeUndefined();
      expect((await collect(store.listVersions(""))).map(({ key }) => key)).toEqual(["a/2", "b"]);
    } finally {
      await under.close();
    }
  });
}
