import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BLOCK_BYTES } from "../../shared/blocks.ts";
import { LifeboatError } from "../../shared/errors.ts";
import type { Stored } from "../../shared/documents/stored.ts";
import { decryptSmall, newIdentity, readIdentities } from "../../shared/seal/age.ts";
import { unseal } from "../../shared/seal/seal.ts";
import type { SnapshotName, SnapshotStore } from "../../shared/store/snapshot-store.ts";
import { whole } from "../seal/streams.ts";
import { failureOf, inChunks } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { countedBlocks, flipped } from "../support/snapshots.ts";

/** A store to hold against the contract of SnapshotStore, empty, with what the suite must see of its inside and do to it. */
export interface SnapshotStoreUnderTest {
  readonly store: SnapshotStore;
  /** The same snapshots, with keys that open none of them. */
  readonly withOtherKeys: SnapshotStore;
  /** An age identity that opens every snapshot of `store`. */
  readonly breakGlass: string;
  /** A name of each snapshot that a reader could find. */
  visible(): Promise<readonly string[]>;
  /** Names of what is being written, or was left over. */
  unfinished(): Promise<readonly string[]>;
  /** All bytes in which the snapshot is kept, whatever object they are in; undefined for a double that keeps it in the clear. */
  keptBytes(stored: Stored): Promise<Buffer | undefined>;
  /** What may happen to what is stored, behind the store's back. */
  readonly damages: readonly Damage[];
  /** Undoes what was damaged, where one damage spoils what is saved after it. */
  repair?(): Promise<void>;
  close(): Promise<void>;
}

/** A way in which what is stored is damaged. `open` always notices. */
export interface Damage {
  readonly what: string;
  /** Whether `check` notices, which reads no more than the store's own checksums. */
  readonly isSeenByCheck: boolean;
  readonly damage: (stored: Stored) => Promise<void>;
}

/** Ways of damaging one object, for a store that keeps a snapshot in one and knows its checksum. */
export function damagesOf(tamper: (stored: Stored, change: (bytes: Buffer) => Uint8Array) => Promise<void>): readonly Damage[] {
  const changes: readonly (readonly [what: string, change: (bytes: Buffer) => Uint8Array])[] = [
    ["a flipped bit in front", (bytes) => flipped(bytes, 0)],
    ["a flipped bit in the middle", (bytes) => flipped(bytes, bytes.length >> 1)],
    ["a flipped bit at the end", (bytes) => flipped(bytes, -1)],
    ["a byte too few", (bytes) => bytes.subarray(0, -1)],
    ["half of it", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["nothing", () => Buffer.alloc(0)],
    ["a byte too many", (bytes) => Buffer.concat([bytes, Buffer.from([0])])],
    ["something else of the same size", (bytes) => randomBytes(bytes.length)],
  ];
  return changes.map(([what, change]) => ({ what, isSeenByCheck: true, damage: (stored) => tamper(stored, change) }));
}

const NAME: SnapshotName = { cluster: "prod", id: "20261121T100000Z" };
/** More than any of these tests stores. */
const MOST = 2 ** 30;

/**
 * The conformance suite of SnapshotStore: every kind of it passes. `kindOfKey`, `own`: each snapshot has one, which can be given to others; `shared`: one key opens all of them, and is given to nobody.
 */
export function snapshotStoreContract(
  name: string,
  makeStore: () => Promise<SnapshotStoreUnderTest>,
  kindOfKey: "own" | "shared" = "own",
): void {
  describe(`${name} keeps the contract of SnapshotStore`, () => {
    let under: SnapshotStoreUnderTest;
    let store: SnapshotStore;
    beforeEach(async () => {
      under = await makeStore();
      store = under.store;
    });
    afterEach(() => under.close());

    const save = async (content: Uint8Array, id = NAME): Promise<Stored> => {
      const source = countedBlocks(inChunks(content, [1 << 20]));
      return (await store.save(id, source.blocks)).commit(source.content());
    };
    const opened = async (stored: Stored, identities?: readonly string[], by = store): Promise<Buffer> =>
      whole(by.open(NAME, stored, { bytes: MOST, ...(identities === undefined ? {} : { identities }) }));
    const expectNothingLeft = async (): Promise<void> => {
      expect(await under.visible()).toEqual([]);
      expect(await under.unfinished()).toEqual([]);
    };

    describe("save and open", () => {
      test.each([
        ["nothing", Buffer.alloc(0)],
        ["a byte", randomBytes(1)],
        ["a page", randomBytes(4096)],
        ["a block", randomBytes(BLOCK_BYTES)],
        ["two blocks and a bit", randomBytes(2 * BLOCK_BYTES + 77)],
        ["what compresses to next to nothing", Buffer.alloc(4 * BLOCK_BYTES + 1)],
      ])("give %s back as it was, every block released", async (_what, content) => {
        const source = countedBlocks(inChunks(content, [32_768]));
        const stored = await (await store.save(NAME, source.blocks)).commit(source.content());
        expect(source).toMatchObject({ taken: Math.ceil(content.length / BLOCK_BYTES), released: source.taken });
        expect(source.isOver()).toBe(true);
        await store.check(stored);
        expect((await opened(stored)).equals(content)).toBe(true);
        expect(await under.unfinished()).toEqual([]);
      });

      test("read it here and there as it was, where the store can", async () => {
        const content = randomBytes(2 * BLOCK_BYTES + 77);
        const stored = await save(content);
        const reader = await store.openAt?.(NAME, stored, { bytes: content.length });
        expect(store.openAt === undefined).toBe(reader === undefined);
        if (reader === undefined) return;
        expect(reader.bytes).toBe(content.length);
        for (const [at, length] of [
          [BLOCK_BYTES - 1, 2],
          [content.length - 32, 32],
          [0, 4096],
          [10_000, BLOCK_BYTES],
        ] as const)
          expect(Buffer.from(await reader.readAt(at, length)).equals(content.subarray(at, at + length))).toBe(true);
        expect(await failureOf(reader.readAt(content.length, 1))).toMatchObject({ code: "verify/size" });
        await expect(store.openAt?.(NAME, stored, { bytes: content.length - 1 })).rejects.toMatchObject({ code: "verify/size" });
      });

      test("keep nothing in the clear", async () => {
        const secret = randomBytes(64).toString("hex");
        const stored = await save(Buffer.from(`token: ${secret}`));
        expect(JSON.stringify(stored)).not.toMatch(/AGE-SECRET-KEY/i);
        const bytes = await under.keptBytes(stored);
        if (bytes === undefined) return;
        expect(bytes.length).toBeGreaterThan(0);
        expect(bytes.includes(secret)).toBe(false);
      });

      test("do not mix up two snapshots of one name", async () => {
        const contents = [randomBytes(5000), randomBytes(6000)] as const;
        const stored = await Promise.all(contents.map((content) => save(content)));
        expect(await under.visible()).toHaveLength(2);
        for (const [index, each] of stored.entries()) expect((await opened(each)).equals(contents[index] ?? Buffer.alloc(0))).toBe(true);
      });
    });

    const whereShared = kindOfKey === "shared" ? test : () => undefined;
    whereShared("addressTo of what has no identity of its own is refused, and says what to do", async () => {
      const { recipient } = await newIdentity();
      expect(await failureOf(store.addressTo(NAME, await save(randomBytes(10)), [recipient]))).toMatchObject({
        code: "config/invalid",
        hint: saying("lifeboat export"),
      });
    });

    whereShared(
      "sealedCopy gives the snapshot to a recipient as a sealed store would, for an identity of its own, which is each time another",
      async () => {
        const content = randomBytes(BLOCK_BYTES + 5000);
        const stored = await save(content);
        const [one, other] = [await newIdentity(), await newIdentity()];
        const identities = new Set<string>();
        for (let copies = 0; copies < 2; copies++) {
          const copy = await store.sealedCopy?.(NAME, stored, { bytes: content.length });
          if (copy === undefined) throw new Error("there is no copy");
          const pieces: Uint8Array[] = [];
          for await (const piece of copy.bytes) pieces.push(Buffer.from(piece));
          const file = await copy.addressTo([one.recipient]);
          const text = Buffer.from(await decryptSmall([one.identity], file)).toString();
          expect(text).toMatch(/^# context: {"cluster":"prod","snapshot":"20261121T100000Z"}\nAGE-SECRET-KEY-1[0-9A-Z]+\n$/);
          identities.add(text);
          const plain: Uint8Array[] = [];
          for await (const piece of unseal(inChunks(Buffer.concat(pieces), [1 << 20]), readIdentities(text)))
            plain.push(Buffer.from(piece));
          expect(Buffer.concat(plain).equals(content)).toBe(true);
          expect(await failureOf(decryptSmall([other.identity], file))).toMatchObject({ code: "keys/no-match" });
          for (const wrong of [[], ["age1xyz"]]) expect(await failureOf(copy.addressTo(wrong))).toMatchObject({ code: "config/invalid" });
        }
        expect(identities.size).toBe(2);
      },
    );

    const whereOwn = kindOfKey === "own" ? describe : () => undefined;
    whereOwn("addressTo", () => {
      test("gives the identity to a recipient, which opens this snapshot with it and nobody else does", async () => {
        const content = randomBytes(5000);
        const stored = await save(content);
        const [one, other] = [await newIdentity(), await newIdentity()];
        const file = await store.addressTo(NAME, stored, [one.recipient]);
        const text = Buffer.from(await decryptSmall([one.identity], file)).toString();
        expect(text).toMatch(/^# context: {"cluster":"prod","snapshot":"20261121T100000Z"}\nAGE-SECRET-KEY-1[0-9A-Z]+\n$/);
        expect((await opened(stored, readIdentities(text))).equals(content)).toBe(true);
        expect(await failureOf(decryptSmall([other.identity], file))).toMatchObject({ code: "keys/no-match" });
      });

      test("is refused by keys that do not open the snapshot, and for what is no recipient", async () => {
        const stored = await save(randomBytes(100));
        const { recipient } = await newIdentity();
        expect(await failureOf(under.withOtherKeys.addressTo(NAME, stored, [recipient]))).toMatchObject({ code: "keys/no-match" });
        for (const wrong of [[], ["age1xyz"], [recipient, recipient]])
          expect(await failureOf(store.addressTo(NAME, stored, wrong))).toMatchObject({ code: "config/invalid" });
      });

      test("does not give the identity of another snapshot", async () => {
        const stored = await save(randomBytes(100));
        const { recipient } = await newIdentity();
        expect(await failureOf(store.addressTo({ ...NAME, id: "20261121T110000Z" }, stored, [recipient]))).toMatchObject({
          code: "verify/sealed",
        });
      });
    });

    describe("before the decision", () => {
      test("nothing is visible, and all blocks are released", async () => {
        const source = countedBlocks(inChunks(randomBytes(BLOCK_BYTES + 5), [1 << 20]));
        const pending = await store.save(NAME, source.blocks);
        expect(source).toMatchObject({ taken: 2 });
        await expect.poll(() => source.released, { timeout: 10_000 }).toBe(2);
        expect(await under.visible()).toEqual([]);
        await pending.commit(source.content());
        expect(await under.visible()).toHaveLength(1);
      });

      test("dropping leaves nothing, and the name is free", async () => {
        const pending = await store.save(NAME, countedBlocks(inChunks(randomBytes(100_000), [1000])).blocks);
        await pending.drop();
        await expectNothingLeft();
        const content = randomBytes(10);
        expect((await opened(await save(content))).equals(content)).toBe(true);
      });

      test("an interruption makes the commit fail, and leaves nothing", async () => {
        const controller = new AbortController();
        const source = countedBlocks(inChunks(randomBytes(100), [100]));
        const pending = await store.save(NAME, source.blocks, controller.signal);
        controller.abort();
        expect(await failureOf(pending.commit(source.content()))).toMatchObject({ code: "interrupted" });
        await expectNothingLeft();
      });

      test("dropping what was interrupted does not throw", async () => {
        const controller = new AbortController();
        const pending = await store.save(NAME, countedBlocks(inChunks(randomBytes(100), [100])).blocks, controller.signal);
        controller.abort();
        await pending.drop();
        await expectNothingLeft();
      });
    });

    describe("a save that fails leaves nothing", () => {
      test.each([0, 10, 2 * BLOCK_BYTES + 10])("where the source fails after %i bytes, with its own error", async (bytes) => {
        const error = new LifeboatError("etcd/stream", "the member went away");
        const source = countedBlocks(
          (async function* () {
            if (bytes > 0) yield* inChunks(randomBytes(bytes), [1 << 20]);
            throw error;
          })(),
        );
        await expect(store.save(NAME, source.blocks)).rejects.toBe(error);
        expect(source.released).toBe(source.taken);
        await expectNothingLeft();
      });

      test("where it is interrupted before it began: the source is closed unread", async () => {
        const source = countedBlocks(inChunks(randomBytes(100), [100]));
        expect(await failureOf(store.save(NAME, source.blocks, AbortSignal.abort()))).toMatchObject({ code: "interrupted" });
        expect(source.taken).toBe(0);
        expect(source.isOver()).toBe(true);
        await expectNothingLeft();
      });

      test("where it is interrupted in mid-stream, at once, also while the source hangs", async () => {
        const controller = new AbortController();
        const hangs = Promise.withResolvers<void>();
        const goesOn = Promise.withResolvers<void>();
        const source = countedBlocks(
          (async function* () {
            yield randomBytes(BLOCK_BYTES);
            hangs.resolve();
            await goesOn.promise;
          })(),
        );
        const failure = failureOf(store.save(NAME, source.blocks, controller.signal));
        await hangs.promise;
        controller.abort(new Error("stopped"));
        expect(await failure).toMatchObject({ code: "interrupted", cause: { message: "stopped" } });
        await expectNothingLeft();
        goesOn.resolve();
        // The block that was being compressed is released when that is done.
        await expect.poll(() => source.isOver() && source.released === source.taken, { timeout: 10_000 }).toBe(true);
      });
    });

    describe("open", () => {
      test("takes a break-glass identity in place of the keys", async () => {
        const content = randomBytes(10_000);
        const stored = await save(content);
        expect((await opened(stored, [under.breakGlass], under.withOtherKeys)).equals(content)).toBe(true);
      });

      test("refuses other keys, and an identity that it is not for", async () => {
        const stored = await save(randomBytes(1000));
        expect(await failureOf(opened(stored, undefined, under.withOtherKeys))).toMatchObject({ code: "keys/no-match" });
        const { identity } = await newIdentity();
        const failure = await failureOf(opened(stored, [identity]));
        expect(failure).toMatchObject({ code: "keys/no-match" });
        expect(failure.message).not.toContain(identity);
      });

      test("stops by the signal", async () => {
        const stored = await save(Buffer.alloc(3 * BLOCK_BYTES));
        const controller = new AbortController();
        const failure = failureOf(
          (async () => {
            for await (const _ of store.open(NAME, stored, { bytes: MOST, signal: controller.signal })) controller.abort();
          })(),
        );
        expect(await failure).toMatchObject({ code: "interrupted" });
      });

      test("notices each kind of damage, and check those that it is told to", async () => {
        expect(under.damages.length).toBeGreaterThan(0);
        for (const { what, isSeenByCheck, damage } of under.damages) {
          const stored = await save(randomBytes(300_000));
          await damage(stored);
          expect(await failureOf(opened(stored)), what).toMatchObject({ code: saying("verify/") });
          expect(await failureOf(opened(stored, [under.breakGlass])), what).toMatchObject({ code: saying("verify/") });
          const checked = await store.check(stored).catch((error: unknown) => error);
          if (isSeenByCheck) expect(checked, what).toMatchObject({ code: saying("verify/") });
          else expect(checked, what).toBeUndefined();
          await under.repair?.();
        }
      });
    });

    test("what was removed is missing, and removing it again is nothing", async () => {
      const [kept, gone] = [await save(Buffer.from("kept")), await save(Buffer.from("gone"))];
      await store.remove(NAME, gone);
      await store.remove(NAME, gone);
      expect(await failureOf(store.check(gone))).toMatchObject({ code: "verify/missing" });
      expect(await failureOf(opened(gone))).toMatchObject({ code: "verify/missing" });
      expect((await opened(kept)).toString()).toBe("kept");
    });
  });
}
