/** S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000;
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

/** Parts of one size before the next size: 1,000 of 5 MiB are 4.8 GiB, more than any compressed snapshot of an etcd within its quota. */
const PARTS_OF_A_SIZE = 1000;
const LARGEST_BYTES = 1536 * 1024 * 1024;

/**
 * The size of part `number` (from 1) of an upload whose length nobody knows: it doubles every 1,000 parts up to 320 MiB, and is 1.5 GiB from part 7,001
 * on, so that 10,000 parts hold 5 TiB where the first are 5 MiB.
 */
export function partBytes(number: number, firstBytes: number): number {
  const doublings = Math.floor((number - 1) / PARTS_OF_A_SIZE);
  return doublings >= 7 ? Math.max(LARGEST_BYTES, firstBytes) : firstBytes * 2 ** doublings;
}

/**
 * How many parts of the size of part `number` may be on their way while another is filled: as many as together have the size that `inFlight` of the first have, and
 * at least one. Memory is (inFlight + 1) first parts up to 4.8 GiB (25 MiB by default), and two parts for what is larger than the parts of two sizes hold.
 */
export function partsInFlight(number: number, firstBytes: number, inFlight: number): number {
  return Math.max(1, Math.floor((inFlight * firstBytes) / partBytes(number, firstBytes)));
}
