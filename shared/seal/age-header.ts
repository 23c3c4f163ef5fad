import { Encrypter } from "age-encryption";
import { LifeboatError } from "../errors.ts";
import { type AgeIdentity, decrypterOf } from "./age-identities.ts";
import { checkRecipients } from "./age-recipients.ts";

/** The first line of every age v1 file: https://c2sp.org/age. */
const INTRO = Buffer.from("age-encryption.org/v1\n");
/** What begins the header's last line. A stanza's lines begin with `->` or hold base64, which has no dash. */
const MAC_LINE = Buffer.from("\n---");
/** Room for some 600 X25519 recipients, or 35 post-quantum ones; what follows the header is bounded elsewhere. */
export const MAX_HEADER_BYTES = 64 * 1024;
/** What stands between the header and the first chunk. */
export const NONCE_BYTES = 16;

export interface AgeHeader {
  /** The header's bytes, up to and with the newline after its MAC. */
  readonly header: Uint8Array;
  /** 16 bytes, from which the payload's key is derived. */
  readonly fileKey: Uint8Array;
}

/** A header for `recipients`, with a fresh file key or the one that a payload is encrypted with already. `config/invalid` where they cannot share a header or are too many. */
export async function makeHeader(recipients: readonly string[], given?: Uint8Array): Promise<AgeHeader> {
  checkRecipients(recipients);
  const encrypter = new Encrypter();
  let fileKey = new Uint8Array(0);
  // typage makes the file key itself and shows it to recipients only: one that adds no stanza learns it.
  encrypter.addRecipient({
    wrapFileKey(key) {
      // All recipients, and the header's MAC, are made from this one buffer.
      if (given !== undefined) key.set(given);
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  // As a stream, whose payload is then not made: of bytes typage makes a Response, for which Node loads all of fetch.
  const header = await encrypter
    .encrypt(new ReadableStream<Uint8Array>())
    .then(headerIn)
    .catch((error: unknown) => {
      throw new LifeboatError("config/invalid", "age cannot encrypt to the given recipients", {
        hint: "check each recipient: one may be no usable public key",
        cause: error,
      });
    });
  if (header.length > MAX_HEADER_BYTES) {
    throw new LifeboatError(
      "config/invalid",
      `${recipients.length} recipients make an age header of ${header.length} bytes, more than the ${MAX_HEADER_BYTES} that are read back`,
      {
        hint: "give fewer recipients",
      },
    );
  }
  return { header, fileKey };
}

/** The header at the front of an age file; the rest is not asked for. */
async function headerIn(file: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let bytes = Buffer.alloc(0);
  for await (const piece of file) {
    bytes = Buffer.concat([bytes, piece]);
    const mac = bytes.indexOf(MAC_LINE);
    const newline = mac < 0 ? -1 : bytes.indexOf("\n", mac + MAC_LINE.length);
    if (newline >= 0) return bytes.subarray(0, newline + 1);
  }
  throw new Error("typage made a file without a header");
}

/**
 * Takes the header and the payload's nonce off the front of an age file; `rest` is what its last chunk held after them.
 * `verify/sealed` where they are not there whole.
 */
export async function readHeader(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ readonly header: Uint8Array; readonly nonce: Uint8Array; readonly rest: Uint8Array }> {
  const buffer = Buffer.alloc(MAX_HEADER_BYTES + NONCE_BYTES);
  let filled = 0;
  let mac = -1;
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) {
      throw new LifeboatError(
        "verify/sealed",
        filled === 0 ? "the age file is empty" : `the age file is cut within its header, after ${filled} bytes`,
      );
    }
    const before = filled;
    filled += Math.min(next.value.length, buffer.length - filled);
    buffer.set(next.value.subarray(0, filled - before), before);
    const intro = Math.min(filled, INTRO.length);
    if (buffer.compare(INTRO, 0, intro, 0, intro) !== 0) {
      throw new LifeboatError("verify/sealed", "the file is no age v1 file: it does not begin with age-encryption.org/v1");
    }
    const seen = buffer.subarray(0, filled);
    // Only what is new is searched, so that a header in chunks of a byte does not cost the square of its length.
    if (mac < 0) mac = seen.indexOf(MAC_LINE, Math.max(0, before - MAC_LINE.length + 1));
    const newline = mac < 0 ? -1 : seen.indexOf("\n", mac + MAC_LINE.length);
    const end = newline + 1;
    if (newline < 0 ? filled === buffer.length : end > MAX_HEADER_BYTES) {
      throw new LifeboatError("verify/sealed", `the age header is longer than ${MAX_HEADER_BYTES} bytes`);
    }
    if (newline >= 0 && end + NONCE_BYTES <= filled) {
      const payload = end + NONCE_BYTES;
      return { header: buffer.subarray(0, end), nonce: buffer.subarray(end, payload), rest: next.value.subarray(payload - before) };
    }
  }
}

/** How many recipients a header has a stanza for: https://c2sp.org/age#recipient-stanza. */
export function countStanzas(header: Uint8Array): number {
  const lines = Buffer.from(header).toString("latin1").split("\n");
  return lines.filter((line) => line.startsWith("-> ")).length;
}

/**
 * The file key in `header`. `keys/no-match` where it is for none of `identities`, `verify/sealed` where it is malformed or was
 * altered.
 */
export async function openHeader(header: Uint8Array, identities: readonly AgeIdentity[]): Promise<Uint8Array> {
  const decrypter = decrypterOf(identities);
  const match = { found: true };
  // Asked last, hence only where no identity before it found its stanza: tells "not for you" from "broken" without reading messages.
  decrypter.addIdentity({
    unwrapFileKey() {
      match.found = false;
      return null;
    },
  });
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    if (!match.found) {
      throw new LifeboatError("keys/no-match", `the age file is encrypted to none of the ${identities.length} given identities`, {
        hint: "give the identity of one of its recipients: the snapshot's own, or a break-glass identity of the time when it was made",
        cause: error,
      });
    }
    throw new LifeboatError("verify/sealed", "the age header is malformed or was altered", {
      hint: "fetch it again, or use another snapshot: this is not what was stored",
      cause: error,
    });
  }
}
