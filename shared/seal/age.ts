import { randomBytes } from "node:crypto";
import { countStanzas, makeHeader, NONCE_BYTES, openHeader, readHeader } from "./age-header.ts";
import type { AgeIdentity } from "./age-identities.ts";
import { decryptPayload, encryptPayload, payloadKey } from "./age-payload.ts";

export { type AgeIdentity, newIdentity, readIdentities, recipientOf } from "./age-identities.ts";

/**
 * `plaintext` as an age v1 file (https://c2sp.org/age) that each of `recipients` opens, in pieces of some 1 MiB, pulled no faster
 * than they are taken, each of which is only valid until the next one is asked for. `config/invalid` for recipients that cannot
 * stand together (`plaintext` is then closed unread); an error of `plaintext` passes unchanged.
 */
export async function* encryptAge(
  recipients: readonly string[],
  plaintext: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, fileKey } = await makeHeader(recipients).catch(async (error: unknown) => {
    await plaintext[Symbol.asyncIterator]().return?.();
    throw error;
  });
  const nonce = randomBytes(NONCE_BYTES);
  let front: Uint8Array[] = [header, nonce];
  // The header goes out with the first chunks: a consumer that has something in hand has a source that was begun, hence one that
  // leaving early closes.
  for await (const piece of encryptPayload(payloadKey(fileKey, nonce), plaintext)) {
    yield front.length === 0 ? piece : Buffer.concat([...front, piece]);
    front = [];
  }
}

/**
 * The plaintext of an age v1 file given in chunks of any size. What is handed out is authentic, but only whole when the iteration
 * ends: a file that was cut, altered, reordered or lengthened ends in `verify/sealed`. `keys/no-match` where it is for none of
 * `identities`, `keys/invalid` where one of them is none.
 */
export async function* decryptAge(
  identities: readonly AgeIdentity[],
  ciphertext: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = ciphertext[Symbol.asyncIterator]();
  try {
    const { header, nonce, rest } = await readHeader(chunks);
    const fileKey = await openHeader(header, identities);
    yield* decryptPayload(payloadKey(fileKey, nonce), following(rest, chunks));
  } finally {
    await chunks.return?.();
  }
}

/**
 * An age file for `recipients` with the payload of `file`, byte for byte: its file key is taken out of its header by `identities`, and wrapped in another. Nothing of the plaintext is seen, so a damaged payload is not noticed here.
 * Throws as `decryptAge` and `encryptAge` do for headers.
 */
export async function readdress(file: Uint8Array, identities: readonly AgeIdentity[], recipients: readonly string[]): Promise<Uint8Array> {
  const { header } = await readHeader(once(file)[Symbol.asyncIterator]());
  const made = await makeHeader(recipients, await openHeader(header, identities));
  return Buffer.concat([made.header, file.subarray(header.length)]);
}

/** How many recipients an age file is for, by its header. Reads no further. `verify/sealed` where it has none. */
export async function countRecipients(ciphertext: AsyncIterable<Uint8Array>): Promise<number> {
  const chunks = ciphertext[Symbol.asyncIterator]();
  try {
    return countStanzas((await readHeader(chunks)).header);
  } finally {
    await chunks.return?.();
  }
}

/** `encryptAge` for what is in memory. */
export async function encryptSmall(recipients: readonly string[], plaintext: Uint8Array): Promise<Uint8Array> {
  return collected(encryptAge(recipients, once(plaintext)));
}

/** `decryptAge` for what is in memory: the whole plaintext, or an error. */
export async function decryptSmall(identities: readonly AgeIdentity[], ciphertext: Uint8Array): Promise<Uint8Array> {
  return collected(decryptAge(identities, once(ciphertext)));
}

async function* following(first: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

// oxlint-disable-next-line require-await -- an async iterable of one
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(Uint8Array.from(piece));
  return Buffer.concat(all);
}
