import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import type { KeyRing, WrapContext, Wrapping, WrappingKey } from "../../../shared/keys/key-ring.ts";
import { createLocalKeys } from "../../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { LocalWrappingKey } from "../../../shared/keys/local/local-wrapping-key.ts";
import type { SealedObject, Stored } from "../../../shared/documents/stored.ts";
import { encryptSmall, newIdentity, recipientOf } from "../../../shared/seal/age.ts";
import { seal } from "../../../shared/seal/seal.ts";
import { SealedStore } from "../../../shared/store/sealed/sealed-store.ts";
import { damagesOf, snapshotStoreContract } from "../../contract/snapshot-store.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { whole } from "../../seal/streams.ts";
import { collect, failureOf, inChunks, keys as keysIn } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { countedBlocks, flipped } from "../../support/snapshots.ts";
import { directoryUnderTest, incoming } from "../directory/directory-under-test.ts";

const NAME = { cluster: "prod", id: "20261121T100000Z" };
/** More than any of these tests stores. */
const ALL = { bytes: 2 ** 30 };
const OTHER = { cluster: "prod", id: "20261121T110000Z" };

let folder: string;
let ring: LocalKeyRing;
let otherRing: LocalKeyRing;
let breakGlass: { readonly identity: string; readonly recipient: string };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-sealed-"));
  await createLocalKeys(join(folder, "keys"));
  await createLocalKeys(join(folder, "others"));
  ring = new LocalKeyRing(join(folder, "keys"));
  otherRing = new LocalKeyRing(join(folder, "others"));
  breakGlass = await newIdentity();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let blobs: MemoryBlobStore;
let store: SealedStore;
beforeEach(() => {
  blobs = new MemoryBlobStore(new ManualClock());
  store = new SealedStore({ blobs, keys: ring, breakGlass: [breakGlass.recipient], randomBytes });
});

snapshotStoreContract("the sealed store in memory", () => {
  const memory = new MemoryBlobStore(new ManualClock());
  const options = { blobs: memory, breakGlass: [breakGlass.recipient], randomBytes };
  return Promise.resolve({
    store: new SealedStore({ ...options, keys: ring }),
    withOtherKeys: new SealedStore({ ...options, keys: otherRing }),
    breakGlass: breakGlass.identity,
    visible: () => keysIn(memory, ""),
    unfinished: () => Promise.resolve([]),
    keptBytes: (stored) => Promise.resolve(Buffer.from(memory.objects.get(sealedObject(stored).key)?.bytes ?? [])),
    damages: damagesOf((stored, change) => {
      const { key } = sealedObject(stored);
      const kept = memory.objects.get(key);
      if (kept === undefined) throw new Error(`${key} is not there`);
      memory.objects.set(key, { ...kept, bytes: change(Buffer.from(kept.bytes)) });
      return Promise.resolve();
    }),
    close: () => Promise.resolve(),
  });
});

snapshotStoreContract("the sealed store in a folder", async () => {
  const directory = await directoryUnderTest();
  const options = { blobs: directory.store, breakGlass: [breakGlass.recipient], randomBytes };
  return {
    store: new SealedStore({ ...options, keys: ring }),
    withOtherKeys: new SealedStore({ ...options, keys: otherRing }),
    breakGlass: breakGlass.identity,
    visible: () => keysIn(directory.store, ""),
    unfinished: () => incoming(directory.root),
    keptBytes: (stored) => readFile(join(directory.root, sealedObject(stored).key)),
    damages: damagesOf(async (stored, change) => {
      const path = join(directory.root, sealedObject(stored).key);
      await writeFile(path, change(await readFile(path)));
    }),
    close: () => directory.close(),
  };
});

describe("what is stored", () => {
  test("is one object below its cluster, described as it is", async () => {
    const stored = await save(Buffer.from("content"));
    expect(stored).toMatchObject({
      kind: "sealed",
      compression: "zstd",
      encryption: { format: "age-encryption.org/v1", breakGlass: [breakGlass.recipient] },
    });
    expect(stored.key).toMatch(/^clusters\/prod\/data\/20261121T100000Z-[0-9a-f]{8}\.age$/);
    expect(stored.encryption.wrappings).toEqual([expect.objectContaining({ kind: "local", key: await ring.wrappingKey() })]);
    expect([...blobs.objects.keys()]).toEqual([stored.key]);
    expect(bytesOf(stored).length).toBe(stored.bytes);
  });

  test("has an identity of its own for each snapshot", async () => {
    const [one, other] = [await save(Buffer.from("x")), await save(Buffer.from("x"))];
    expect(one.encryption.recipient).not.toBe(other.encryption.recipient);
    const unwrapped = await ring.unwrap(wrappingOf(one), { cluster: NAME.cluster, snapshot: NAME.id });
    expect(await recipientOf(unwrapped)).toBe(one.encryption.recipient);
  });

  test("is never written over: where the random name is taken, the save fails", async () => {
    const same = new SealedStore({ blobs, keys: ring, breakGlass: [], randomBytes: (count) => Buffer.alloc(count, 7) });
    const [one, other] = [blocks("first"), blocks("second")];
    const first = sealedObject(await (await same.save(NAME, one.blocks)).commit(one.content()));
    const second = await same.save(NAME, other.blocks);
    expect(await failureOf(second.commit(other.content()))).toMatchObject({ code: "store/exists", message: saying(first.key) });
    expect((await open(first)).toString()).toBe("first");
  });
});

describe("a store that fails", () => {
  // Random bytes do not compress, so pieces of 1 MiB reach the store.
  const content = randomBytes(3_000_000);

  test.each([0, 1, 500, 1_000_000, 2_000_000, 2_999_999, 3_000_500, 1e9])(
    "at byte %i leaves nothing, and the source is closed",
    async (atByte) => {
      blobs.inject({ call: "put", key: /data/, fault: { kind: "error", atByte } });
      const source = countedBlocks(inChunks(content, [100_000]), 1 << 20);
      const failure = failureOf(
        (async () => {
          const pending = await store.save(NAME, source.blocks);
          await pending.commit(source.content());
        })(),
      );
      expect(await failure).toMatchObject({ code: "store/failed", message: saying("(injected)") });
      expect(source.isOver()).toBe(true);
      expect(source.released).toBe(source.taken);
      expect(blobs.objects.size).toBe(0);
      expect(blobs.pendingFaults).toEqual([]);
    },
  );

  test.each([0, 1, 1000, 2_999_999])("to keep more than %i bytes, and says that all is well, is found out", async (bytes) => {
    blobs.inject({ call: "put", key: /data/, fault: { kind: "short-write", bytes } });
    const stored = await save(content);
    expect(await failureOf(store.check(stored))).toMatchObject({ code: "verify/size", message: saying(`has ${bytes} bytes`) });
    expect(await failureOf(open(stored))).toMatchObject({ code: "verify/size", message: saying(`has ${bytes} bytes`) });
  });

  test("to say that all is well: the commit fails, and what is there has no manifest", async () => {
    blobs.inject({ call: "put", key: /data/, fault: { kind: "lost-acknowledgement" } });
    expect(await failureOf(save(content))).toMatchObject({ code: "store/failed", message: saying("connection was lost") });
    expect(blobs.objects.size).toBe(1);
  });

  test("while it is read passes its error on, and holds nothing open", async () => {
    const stored = await save(content);
    blobs.inject({ call: "get", key: /data/, fault: { kind: "error", atByte: 1_500_000 } });
    expect(await failureOf(open(stored))).toMatchObject({ code: "store/failed" });
    expect(blobs.openReads).toBe(0);
  });

  test("nothing is held open where the reader leaves early", async () => {
    const stored = await save(randomBytes(5_000_000));
    for await (const chunk of store.open(NAME, stored, ALL)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(blobs.openReads).toBe(0);
  });
});

describe("what could not be opened again is not begun", () => {
  test("without a wrapping key", async () => {
    const keyless = new SealedStore({ blobs, keys: new LocalKeyRing(join(folder, "nowhere")), breakGlass: [], randomBytes });
    const source = blocks("content");
    expect(await failureOf(keyless.save(NAME, source.blocks))).toMatchObject({ code: "keys/missing", message: saying("wrapping.pub") });
    expect(source).toMatchObject({ taken: 0 });
    expect(source.isOver()).toBe(true);
    expect(blobs.calls.put).toBe(0);
  });

  test("with break-glass recipients that age does not take", async () => {
    const odd = new SealedStore({ blobs, keys: ring, breakGlass: ["age1nonsense"], randomBytes });
    const source = blocks("content");
    expect(await failureOf(odd.save(NAME, source.blocks))).toMatchObject({ code: "config/invalid", message: saying("age1nonsense") });
    expect(source).toMatchObject({ taken: 0 });
    expect(source.isOver()).toBe(true);
    expect(blobs.objects.size).toBe(0);
  });
});

describe("data in another's place", () => {
  test("of another snapshot is noticed, also by whoever holds both keys", async () => {
    const content = randomBytes(5000);
    const [one, other] = [await save(content), await save(content, OTHER)];
    put(one.key, bytesOf(other));
    const identity = await ring.unwrap(wrappingOf(other), { cluster: OTHER.cluster, snapshot: OTHER.id });
    expect(await failureOf(open(one))).toMatchObject({
      code: "verify/sealed",
      message: `${one.key} is not encrypted to the recipients in its manifest`,
    });
    expect(await failureOf(open(one, [breakGlass.identity]))).toMatchObject({ code: saying("verify/") });
    expect(await failureOf(open(one, [identity]))).toMatchObject({ code: "keys/no-match" });
    expect(await failureOf(store.check(one))).toMatchObject({ code: saying("verify/") });
  });

  test("well-formed, encrypted to the same recipients and as long as the old is noticed by its digest", async () => {
    const stored = await save(randomBytes(5000));
    const recipients = [stored.encryption.recipient, breakGlass.recipient];
    put(stored.key, Buffer.concat(await collect(seal(countedBlocks(inChunks(randomBytes(5000), [5000])).blocks, recipients))));
    expect(bytesOf(stored).length).toBe(stored.bytes);
    const failure = await failureOf(open(stored));
    expect(failure).toMatchObject({ code: "verify/digest", message: saying(stored.sha256) });
    expect(await failureOf(open(stored, [breakGlass.identity]))).toMatchObject({ code: "verify/digest" });
    expect(await failureOf(store.check(stored))).toMatchObject({ code: "verify/checksum", message: saying(stored.crc32) });
  });

  test("with the checksum of the old, made to fit, is noticed by its digest", async () => {
    const stored = await save(Buffer.from("content"));
    put(stored.key, flipped(bytesOf(stored), -20));
    const forged = { ...stored, crc32: (await blobs.checksum(stored.key)).toString(16).padStart(8, "0") };
    await store.check(forged);
    expect(await failureOf(open(forged))).toMatchObject({ code: saying("verify/") });
  });
});

describe("wrappings", () => {
  test("of another snapshot, or another cluster's, do not open", async () => {
    const stored = await save(Buffer.from("content"));
    for (const name of [OTHER, { ...NAME, cluster: "staging" }]) {
      expect(await failureOf(whole(store.open(name, stored, ALL)))).toMatchObject({
        code: "verify/sealed",
        message: saying("belongs to another snapshot"),
      });
    }
  });

  test("that hold another identity than the data's are noticed", async () => {
    const stored = await save(Buffer.from("content"));
    const { identity } = await newIdentity();
    const wrapping = await ring.wrap(identity, { cluster: NAME.cluster, snapshot: NAME.id });
    const failure = await failureOf(open(withWrappings(stored, [wrapping])));
    expect(failure).toMatchObject({ code: "verify/sealed", message: saying("is not the one that its data is encrypted to") });
    expect(failure.message).not.toContain(identity);
    expect(blobs.calls.get).toBe(0);
  });

  test("altered, are noticed", async () => {
    const stored = await save(Buffer.from("content"));
    const wrapping = wrappingOf(stored);
    const altered = { ...wrapping, ciphertext: flipped(wrapping.ciphertext, -1) };
    expect(await failureOf(open(withWrappings(stored, [altered])))).toMatchObject({ code: "verify/sealed" });
    const stranger = { ...wrapping, ciphertext: await encryptSmall([wrapping.key], Buffer.from("no identity")) };
    expect(await failureOf(open(withWrappings(stored, [stranger])))).toMatchObject({ code: "verify/sealed" });
  });

  test("for other keys are passed over where one is ours", async () => {
    const stored = await save(Buffer.from("content"));
    const { identity } = await newIdentity();
    const theirs = await otherRing.wrap(identity, { cluster: NAME.cluster, snapshot: NAME.id });
    expect((await open(withWrappings(stored, [theirs, wrappingOf(stored)]))).toString()).toBe("content");
    expect(await failureOf(open(withWrappings(stored, [theirs])))).toMatchObject({ code: "keys/no-match", message: saying(theirs.key) });
  });
});

describe("keys of replicas", () => {
  const denied = new LifeboatError("keys/denied", "Encrypt with the key alias/offsite is denied");
  const unusable: WrappingKey = { location: "elsewhere", wrap: () => Promise.reject(denied), wrappingKey: () => Promise.reject(denied) };
  const saveWith = async (replicaKeys: readonly WrappingKey[]) => {
    const source = blocks("content");
    const pending = await new SealedStore({ blobs, keys: ring, replicaKeys, breakGlass: [], randomBytes }).save(NAME, source.blocks);
    return { stored: sealedObject(await pending.commit(source.content())), notWrapped: pending.notWrapped };
  };
  const withKeys = (keys: KeyRing): SealedStore => new SealedStore({ blobs, keys, breakGlass: [], randomBytes });

  test("open what was saved, each by itself", async () => {
    const { stored, notWrapped } = await saveWith([new LocalWrappingKey(await otherRing.wrappingKey())]);
    expect(stored.encryption.wrappings.map(({ key }) => key)).toEqual([await ring.wrappingKey(), await otherRing.wrappingKey()]);
    expect(notWrapped).toEqual([]);
    for (const keys of [ring, otherRing]) expect((await whole(withKeys(keys).open(NAME, stored, ALL))).toString()).toBe("content");
  });

  test("that cannot wrap are told, and the snapshot is saved without", async () => {
    const { stored, notWrapped } = await saveWith([unusable, new LocalWrappingKey(await otherRing.wrappingKey())]);
    expect(notWrapped).toEqual([denied]);
    expect(stored.encryption.wrappings).toHaveLength(2);
    expect((await open(stored)).toString()).toBe("content");
  });

  test("of a region that does not answer are asked after the one at hand, and its failure is told only where no other opens", async () => {
    const stored = await save(Buffer.from("content"));
    const theirs = { kind: "kms" as const, key: "arn:aws:kms:eu-central-1:111122223333:key/gone", ciphertext: Buffer.from("x") };
    const asked: string[] = [];
    const down = new LifeboatError("keys/failed", "Decrypt failed in KMS in eu-central-1: it does not answer");
    class HalfDown extends LocalKeyRing {
      override unwrap(wrapping: Wrapping, context: WrapContext): Promise<string> {
        asked.push(wrapping.key);
        return wrapping.kind === "kms" ? Promise.reject(down) : super.unwrap(wrapping, context);
      }
    }
    const keys = new HalfDown(join(folder, "keys"));
    const both = withWrappings(stored, [theirs, wrappingOf(stored)]);
    expect((await whole(withKeys(keys).open(NAME, both, ALL))).toString()).toBe("content");
    expect(asked).toEqual([wrappingOf(stored).key]);
    expect(await failureOf(whole(withKeys(keys).open(NAME, withWrappings(stored, [theirs]), ALL)))).toBe(down);
  });
});

describe("given identities", () => {
  test("may be several, of which one opens it, the snapshot's own as well", async () => {
    const stored = await save(Buffer.from("content"));
    const stranger = (await newIdentity()).identity;
    const own = await ring.unwrap(wrappingOf(stored), { cluster: NAME.cluster, snapshot: NAME.id });
    for (const identity of [breakGlass.identity, own]) expect((await open(stored, [stranger, identity])).toString()).toBe("content");
  });

  test("that do not open it are told with the recipients that would, and without a secret", async () => {
    const stored = await save(Buffer.from("content"));
    const { identity } = await newIdentity();
    const failure = await failureOf(open(stored, [identity]));
    expect(failure).toMatchObject({
      message: "none of the given identities opens prod/20261121T100000Z",
      hint: saying(breakGlass.recipient),
    });
    const without = { ...stored, encryption: { ...stored.encryption, breakGlass: [] } };
    expect(await failureOf(open(without, [breakGlass.identity]))).toMatchObject({
      code: "keys/no-match",
      hint: "it has no break-glass recipients",
    });
    expect(blobs.calls.get).toBe(0);
    const broken = await failureOf(open(stored, [identity.slice(0, -1)]));
    expect(broken).toMatchObject({ code: "keys/invalid" });
    expect(`${broken.message} ${broken.stack}`).not.toContain(identity.slice(16, 40));
  });
});

test("a snapshot in Kopia is no sealed one", async () => {
  const stored: Stored = { kind: "kopia", key: "k", sha256: "s", repository: "r", snapshot: "s", object: "k0/o", bytes: 1 };
  const refusal = { code: "config/invalid", message: saying("Kopia") };
  expect(await failureOf(whole(store.open(NAME, stored, ALL)))).toMatchObject(refusal);
  expect(await failureOf(store.check(stored))).toMatchObject(refusal);
  expect(await failureOf(store.remove(NAME, stored))).toMatchObject(refusal);
});

function sealedObject(stored: Stored): SealedObject {
  if (stored.kind !== "sealed") throw new TypeError(`a ${stored.kind} object`);
  return stored;
}

function blocks(content: string): ReturnType<typeof countedBlocks> {
  return countedBlocks(inChunks(Buffer.from(content), [3]));
}

async function save(content: Uint8Array, name = NAME): Promise<SealedObject> {
  const source = countedBlocks(inChunks(content, [100_000]));
  return sealedObject(await (await store.save(name, source.blocks)).commit(source.content()));
}

async function open(stored: Stored, identities?: readonly string[]): Promise<Buffer> {
  return whole(store.open(NAME, stored, identities === undefined ? ALL : { ...ALL, identities }));
}

function bytesOf({ key }: SealedObject): Uint8Array {
  return blobs.objects.get(key)?.bytes ?? Buffer.alloc(0);
}

function put(key: string, bytes: Uint8Array): void {
  blobs.objects.set(key, { bytes, modified: new Date(0) });
}

interface RawWrapping {
  readonly kind: Wrapping["kind"];
  readonly key: string;
  readonly ciphertext: Uint8Array;
}

function wrappingOf({ encryption }: SealedObject): RawWrapping {
  const [wrapping] = encryption.wrappings;
  if (wrapping === undefined) throw new Error("there is no wrapping");
  return { ...wrapping, ciphertext: Buffer.from(wrapping.ciphertext, "base64") };
}

function withWrappings(stored: SealedObject, wrappings: readonly RawWrapping[]): SealedObject {
  const written = wrappings.map((each) => ({ ...each, ciphertext: Buffer.from(each.ciphertext).toString("base64") }));
  return { ...stored, encryption: { ...stored.encryption, wrappings: written } };
}
