/** What a hostile file may cost at most. A healthy snapshot stays far below each. */

/** Of one page with its overflow, and so of what is held back of the stream. bbolt never splits up to four entries, each of etcd's
 * --max-request-bytes at most (1.5 MiB unless configured). */
export const EXTENT_BYTES = 64 << 20;

/** Overflowing pages may claim each other's bytes (stale ones do): reading them again and again ends at this many times what arrived. */
export const REREAD_FACTOR = 4;
export const REREAD_BYTES = 256 << 20;

/** Of branch pages, and of leaves that hold no revisions: they are kept as they are until the end. */
export const KEPT_SHARE = 1 / 8;
export const KEPT_BYTES = 64 << 20;
/** What a copy takes beside its bytes: the objects of a view and its memory. */
export const KEPT_RECORD_BYTES = 256;

/** bbolt's trees are far flatter: 10 levels hold more pages than a disk. */
export const DEPTH = 64;

/** Entries that the proof keeps a record of (up to 36 bytes each with the table of user keys): 720 MB. Past it only `hash` and the tree are told. */
export const ENTRIES = 20_000_000;

/** What is kept of the entries that a look asked for, unless it says otherwise: past it they are read a second time. */
export const MATCHED_BYTES = 64 << 20;

/** etcd has a dozen. */
export const BUCKETS = 1000;

/** Of buckets `members`, `members_removed` and `alarm`: each entry of the former is some 200 bytes of JSON, and of the last two only a removal leaves one. */
export const MEMBERSHIP_ENTRIES = 10_000;
export const MEMBERSHIP_BYTES = 64 << 10;

/** `3.6.0`, with room for what a vendor adds. */
export const VERSION_BYTES = 256;

/** bbolt's own bound on any key (MaxKeySize). */
export const BUCKET_NAME_BYTES = 32_768;

/** Of a table of user keys, on average; three quarters full it takes 8. Keys made to collide would cost the square of their number. */
export const PROBES_PER_SLOT = 16;
