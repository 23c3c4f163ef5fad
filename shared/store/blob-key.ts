import { LifeboatError } from "../errors.ts";

/** 512: leaves half of the 1,024 bytes that S3 allows to the prefix of a configured store. */
export const MAX_KEY_BYTES = 512;
/** 255: the longest file name of every common file system. */
export const MAX_SEGMENT_BYTES = 255;

const SEGMENT = /^[A-Za-z0-9_@-][A-Za-z0-9._@-]*$/;
const START_OF_SEGMENT = /^([A-Za-z0-9_@-][A-Za-z0-9._@-]*)?$/;

function isSegment(text: string): boolean {
  return text.length <= MAX_SEGMENT_BYTES && SEGMENT.test(text);
}

/** Whether `text` can be an object's key: see BlobStore. Keys are ASCII, so comparing them as strings compares their bytes. */
export function isKey(text: string): boolean {
  return text.length <= MAX_KEY_BYTES && text.split("/").every(isSegment);
}

/** Whether `name` below `at`, which ends in a slash or is empty and begins a key, can be one. */
export function isKeyBelow(at: string, name: string): boolean {
  return at.length + name.length <= MAX_KEY_BYTES && isSegment(name);
}

/** Whether some key may begin with `text`. It may end in the middle of a segment, and be empty. */
export function isPrefix(text: string): boolean {
  const segments = text.split("/");
  const last = segments.pop() ?? "";
  return text.length <= MAX_KEY_BYTES && segments.every(isSegment) && last.length <= MAX_SEGMENT_BYTES && START_OF_SEGMENT.test(last);
}

/** Throws `store/failed` where `key` is not one. */
export function requireKey(key: string, location: string): void {
  if (!isKey(key)) throw invalid("key", key, location);
}

/** Throws `store/failed` where no key can begin with `prefix`. */
export function requirePrefix(prefix: string, location: string): void {
  if (!isPrefix(prefix)) throw invalid("prefix", prefix, location);
}

function invalid(what: string, text: string, location: string): LifeboatError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
  return new LifeboatError("store/failed", `${shown} is not a ${what} that ${location} can hold`, {
    hint:
      "use segments of letters, digits and . _ @ -, not beginning with a dot, with single slashes between them, " +
      `at most ${MAX_SEGMENT_BYTES} bytes each and ${MAX_KEY_BYTES} in all`,
  });
}
