/** The part of the composition root that writes files for people. */
export { removeUnfinished, replaceOutput, requireFree, unfinishedOutputs, writeOutput } from "../host/files/output-file.ts";
export { FolderDraft } from "../host/files/output-folder.ts";
export { writeStream } from "../host/files/output-stream.ts";
export { temporaryFile } from "../host/files/temporary-file.ts";
