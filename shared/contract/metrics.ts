import { z } from "zod";
import { count, object, text } from "./parts.ts";

export const metricsDocument = object({
  clusters: count.describe("how many there are"),
  unreadable: z.array(text).describe("names of those that could not be read; `lifeboat_cluster_readable` of them is 0"),
  file: text.nullable().describe("as given to `--out`; null without it"),
  text: text.nullable().describe("the metrics, in Prometheus' text format; null with `--out`"),
});
