import { z } from "zod";
import { settings } from "./settings.ts";

const id = (kind: string): z.ZodString =>
  z.string().regex(new RegExp(`^${kind}-[0-9a-f]{8,17}$`), `expected an id such as ${kind}-0123456789abcdef0`);

/** Where functions run, so that they reach etcd. */
export const networkSchema = settings({
  vpc: id("vpc"),
  subnets: z.array(id("subnet")).min(1, "at least one subnet"),
  securityGroup: id("sg"),
  nat: z.boolean().default(true),
  routeTables: z.array(id("rtb")).default([]),
}).refine((value) => value.nat || value.routeTables.length > 0, {
  path: ["nat"],
  message: "without NAT, S3 is reached by a gateway in the route tables of the subnets: name these under routeTables",
});
