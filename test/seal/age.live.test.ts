import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLifeboatError } from "../../shared/errors.ts";
import { decryptAge, decryptSmall, encryptAge, encryptSmall, newIdentity } from "../../shared/seal/age.ts";
import { MAX_HEADER_BYTES } from "../../shared/seal/age-header.ts";
import { drain, inChunksOf, noise, whole } from "./streams.ts";

const CHUNK = 64 * 1024;
const SEALED_CHUNK = CHUNK + 16;
const key = await newIdentity();

/** Sizes around every boundary of chunks and of pieces. */
const size = fc.oneof(
  fc.constantFrom(0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 16 * CHUNK - 1, 16 * CHUNK, 16 * CHUNK + 1, 33 * CHUNK),
  fc.integer({ min: 0, max: 3 * CHUNK }),
);
const chunking = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 5 * CHUNK }), fc.constantFrom(CHUNK, SEALED_CHUNK)),
  { minLength: 1, maxLength: 6 },
);

/** A file of `plain`, split where its parts meet: the header with the nonce, then each chunk. */
async function parts(plain: Uint8Array): Promise<Buffer[]> {
  const file = Buffer.from(await encryptSmall([key.recipient], plain));
  const payload = file.indexOf("\n", file.indexOf("\n---") + 1) + 1 + 16;
  const found = [file.subarray(0, payload)];
  for (let at = payload; at < file.length; at += SEALED_CHUNK) found.push(file.subarray(at, at + SEALED_CHUNK));
  return found;
}

/**
 * That reading `file` fails, and that what came out before is the beginning of `plain` and not all of a non-empty one's pretence
 * of an end.
 */
async function expectRefusal(file: Uint8Array, plain: Uint8Array, codes: readonly string[], message?: RegExp): Promise<void> {
  const { bytes, error } = await drain(decryptAge([key.identity], inChunksOf(file, 100_000)));
  if (!isLifeboatError(error)) throw new Error(`the altered file was read without a LifeboatError: ${String(error)}`);
  expect(codes).toContain(error.code);
  if (message !== undefined) expect(error.message).toMatch(message);
  expect(bytes.equals(plain.subarray(0, bytes.length))).toBe(true);
}

describe("round trips", () => {
  test("give the same bytes for any length and any chunking on both sides", async () => {
    await fc.assert(
      fc.asyncProperty(size, chunking, chunking, async (bytes, writing, reading) => {
        const plain = noise(bytes, bytes + 1);
        const file = await whole(encryptAge([key.recipient], inChunksOf(plain, ...writing)));
        expect((await whole(decryptAge([key.identity], inChunksOf(file, ...reading)))).equals(plain)).toBe(true);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test("open with each of several recipients' identities, and with the right one among others", async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, newIdentity));
    const stranger = await newIdentity();
    const file = await encryptSmall(
      keys.map(({ recipient }) => recipient),
      Buffer.from("a snapshot"),
    );
    for (const { identity } of keys)
      expect(Buffer.from(await decryptSmall([stranger.identity, identity], file)).toString()).toBe("a snapshot");
  });

  test("never use a file key or nonce twice: two files of one plaintext share no byte run", async () => {
    const [one, other] = await Promise.all([1, 2].map(async () => Buffer.from(await encryptSmall([key.recipient], noise(1000)))));
    expect(one?.subarray(-1000).equals(other?.subarray(-1000) ?? Buffer.alloc(0))).toBe(false);
    expect(one?.length).toBe(other?.length);
  });

  test("hand out pieces of 1 MiB, also when the source's are small", async () => {
    const lengths: number[] = [];
    for await (const piece of encryptAge([key.recipient], inChunksOf(noise(3 * 1024 * 1024 + 5), 40_000))) lengths.push(piece.length);
    expect(lengths.slice(1, 3)).toEqual([16 * SEALED_CHUNK, 16 * SEALED_CHUNK]);
    expect(lengths.length).toBe(4);
  });
});

describe("a file that was tampered with is refused before its end", () => {
  const plain = noise(5 * CHUNK + 1234);

  test("one bit flipped anywhere", async () => {
    const file = Buffer.concat(await parts(plain));
    const place = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: file.length - 1 }),
      fc.integer({ min: file.length - 40, max: file.length - 1 }),
    );
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 0, max: 7 }), async (at, bit) => {
        const altered = Buffer.from(file);
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        // A flip in a stanza's share makes it someone else's stanza.
        await expectRefusal(altered, plain, at < file.indexOf("\n---") ? ["verify/sealed", "keys/no-match"] : ["verify/sealed"]);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test("cut at any place", async () => {
    const all = await parts(plain);
    const file = Buffer.concat(all);
    const borders = all.map((_, index) => Buffer.concat(all.slice(0, index)).length);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constantFrom(...borders), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: file.length - 1 })),
        async (length) => {
          await expectRefusal(file.subarray(0, length), plain, ["verify/sealed"]);
        },
      ),
      { numRuns: 200, examples: borders.map((border): [number] => [border]) },
    );
  }, 60_000);

  test("cut between two chunks: says so", async () => {
    await expectRefusal(
      Buffer.concat((await parts(plain)).slice(0, 4)),
      plain,
      ["verify/sealed"],
      /^chunk 3 of the age file is not the last one, yet nothing follows it: the file was cut$/,
    );
  });

  test("chunks swapped, dropped or doubled", async () => {
    const [header, ...chunks] = await parts(plain);
    if (header === undefined) throw new Error("no header");
    const index = fc.integer({ min: 0, max: chunks.length - 1 });
    await fc.assert(
      fc.asyncProperty(index, index, fc.constantFrom("swap", "drop", "double"), async (a, b, how) => {
        fc.pre(how !== "swap" || a !== b);
        const altered = [...chunks];
        const [one, other] = [chunks[a] ?? header, chunks[b] ?? header];
        if (how === "swap") [altered[a], altered[b]] = [other, one];
        else if (how === "drop") altered.splice(a, 1);
        else altered.splice(b, 0, one);
        await expectRefusal(Buffer.concat([header, ...altered]), plain, ["verify/sealed"]);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  test("bytes added at the end", async () => {
    const file = Buffer.concat(await parts(plain));
    for (const tail of [Buffer.from([0]), noise(16), noise(SEALED_CHUNK), file])
      await expectRefusal(Buffer.concat([file, tail]), plain, ["verify/sealed"]);
    // A full last chunk shows the mistake plainly.
    const full = noise(2 * CHUNK);
    await expectRefusal(
      Buffer.concat([...(await parts(full)), Buffer.from("x")]),
      full,
      ["verify/sealed"],
      /^chunk 2 of the age file is the last one, yet more bytes follow it$/,
    );
  });

  test("the chunks of another file under this file's header", async () => {
    const [header] = await parts(plain);
    const [, ...foreign] = await parts(plain);
    await expectRefusal(
      Buffer.concat([header ?? Buffer.alloc(0), ...foreign]),
      plain,
      ["verify/sealed"],
      /^chunk 1 of the age file was altered, moved or cut$/,
    );
  });
});

describe("what is no age file", () => {
  test.each([
    ["nothing", Buffer.alloc(0), "the age file is empty"],
    ["another format", Buffer.from("SQLite format 3\0"), "the file is no age v1 file: it does not begin with age-encryption.org/v1"],
    ["the first line alone", Buffer.from("age-encryption.org/v1\n"), "the age file is cut within its header, after 22 bytes"],
    [
      "a header without an end",
      Buffer.concat([Buffer.from("age-encryption.org/v1\n"), Buffer.alloc(2 * MAX_HEADER_BYTES, "-> a\n")]),
      `the age header is longer than ${MAX_HEADER_BYTES} bytes`,
    ],
    [
      "a header with garbage in it",
      Buffer.from(`age-encryption.org/v1\n?\n--- ${"A".repeat(43)}\n${"n".repeat(16)}`),
      "the age header is malformed or was altered",
    ],
  ])("%s", async (_name, bytes, message) => {
    for (const chunkBytes of [1, 4096, Infinity]) {
      const { bytes: out, error } = await drain(decryptAge([key.identity], inChunksOf(bytes, chunkBytes)));
      expect(error).toMatchObject({ name: "LifeboatError", code: "verify/sealed", message });
      expect(out.length).toBe(0);
    }
  });
});

test("an identity that is no recipient's is told apart from damage, and what to do is said", async () => {
  const file = await encryptSmall([key.recipient], Buffer.from("x"));
  const strangers = await Promise.all([newIdentity(), newIdentity()]);
  await expect(
    decryptSmall(
      strangers.map(({ identity }) => identity),
      file,
    ),
  ).rejects.toMatchObject({
    code: "keys/no-match",
    message: "the age file is encrypted to none of the 2 given identities",
    hint: "give the identity of one of its recipients: the snapshot's own, or a break-glass identity of the time when it was made",
  });
  await expect(decryptSmall([], file)).rejects.toMatchObject({ code: "keys/no-match" });
});

describe("the source of a stream", () => {
  function watched(
    bytes: Uint8Array,
    failAfter = Infinity,
  ): { readonly stream: AsyncIterable<Uint8Array>; readonly state: { closed: boolean; pulled: number } } {
    const state = { closed: false, pulled: 0 };
    async function* pull(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for await (const chunk of inChunksOf(bytes, CHUNK)) {
          if (++state.pulled > failAfter) throw new RangeError("the disk is gone");
          yield chunk;
        }
      } finally {
        state.closed = true;
      }
    }
    return { stream: pull(), state };
  }

  test("is closed when the consumer leaves early, on the way in and on the way out", async () => {
    const plain = noise(4 * 1024 * 1024);
    const writing = watched(plain);
    for await (const _piece of encryptAge([key.recipient], writing.stream)) break;
    expect(writing.state.closed).toBe(true);
    expect(writing.state.pulled).toBeLessThan(20);

    const reading = watched(await encryptSmall([key.recipient], plain));
    for await (const _piece of decryptAge([key.identity], reading.stream)) break;
    expect(reading.state.closed).toBe(true);
    expect(reading.state.pulled).toBeLessThan(20);
  });

  test("passes its own error on unchanged", async () => {
    const plain = noise(4 * 1024 * 1024);
    expect((await drain(encryptAge([key.recipient], watched(plain, 30).stream))).error).toMatchObject({
      name: "RangeError",
      message: "the disk is gone",
    });
    const file = await encryptSmall([key.recipient], plain);
    expect((await drain(decryptAge([key.identity], watched(file, 30).stream))).error).toMatchObject({
      name: "RangeError",
      message: "the disk is gone",
    });
  });

  test("is closed when the file is not for us, and when the recipients cannot be used", async () => {
    const stranger = await newIdentity();
    const reading = watched(await encryptSmall([key.recipient], noise(4 * 1024 * 1024)));
    expect((await drain(decryptAge([stranger.identity], reading.stream))).error).toMatchObject({ code: "keys/no-match" });
    expect(reading.state).toEqual({ closed: true, pulled: 1 });

    let closed = false;
    const unread: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error("was read")),
        return() {
          closed = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    expect((await drain(encryptAge(["age1nonsense"], unread))).error).toMatchObject({ code: "config/invalid" });
    expect(closed).toBe(true);
  });
});
