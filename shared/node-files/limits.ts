/** What a set of a node's files may be. A control plane's is some 200 KB: what is far beyond is no such set, and whoever could put it must not fill a store, or a reader's memory. */

const MIB = 1024 * 1024;

/** Of the tar. */
export const MAX_SET_BYTES = 64 * MIB;
/** Of the age file: a tag of 16 bytes for each 64 KiB, and the header. */
export const MAX_SEALED_BYTES = MAX_SET_BYTES + MAX_SET_BYTES / 4096 + 64 * 1024;
export const MAX_FILE_BYTES = 16 * MIB;
/** Files and folders, the first entry among them. */
export const MAX_SET_ENTRIES = 4096;
export const MAX_PATH_BYTES = 255;
/** Of all paths together: the document that lists them has to stay below 1 MiB. */
export const MAX_PATHS_BYTES = 256 * 1024;
/** Of what the document tells of keys: likewise. */
export const MAX_ENCRYPTION_KEYS = 256;
