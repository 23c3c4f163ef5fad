import { duration } from "./duration-schema.ts";
import { settings } from "./settings.ts";

/** `clusters.NAME.nodeFiles`: how often files of its nodes are to be collected. Without it nobody asks. */
export const nodeFilesSchema = settings({ every: duration.optional() });
