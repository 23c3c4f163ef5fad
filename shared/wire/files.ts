/** The part of the composition root that needs no configuration, apart because the rest takes long to load. */
export { isFileThere, openSnapshotFile } from "../input/file/snapshot-file.ts";
