import { duration } from "./duration-schema.ts";
import { settings } from "./settings.ts";

/** `clusters.NAME.drill`: how often a restore is to be rehearsed. Without it nobody asks: a drill puts plaintext on a disk, which is for a person to decide. */
export const drillSchema = settings({ every: duration.optional() });
