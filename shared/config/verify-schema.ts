import { z } from "zod";
import { CONFIRM } from "../documents/confirmation.ts";
import { duration } from "./duration-schema.ts";
import { auth, endpoints, tls } from "./etcd-schema.ts";
import { settings } from "./settings.ts";
import { size } from "./size-schema.ts";

/** 64 MiB: what is smaller is read whole in less than a second. */
export const VERIFY_DEFAULTS = { confirm: "wanted", indexFrom: 64 * 2 ** 20, deepVerify: 0 } as const;

/** `clusters.NAME.verify`: whether the verifier asks the members itself, and by which credentials; the size from which snapshots get an index; and how far apart those are, in milliseconds, that are verified deep, 0 for all. What is left out is as for the cluster. */
export const verifySchema = settings({
  confirm: z.enum(CONFIRM, { error: `expected one of ${CONFIRM.join(", ")}` }).default(VERIFY_DEFAULTS.confirm),
  indexFrom: z.union([z.literal("never").transform(() => Infinity), size]).default(VERIFY_DEFAULTS.indexFrom),
  deepVerify: z
    .union([z.literal("always").transform(() => 0), duration], { error: "expected always, or a duration such as 90m or 1d" })
    .default(VERIFY_DEFAULTS.deepVerify),
  endpoints: endpoints.optional(),
  tls: tls.optional(),
  auth: auth.optional(),
  timeouts: settings({ connect: duration.optional(), call: duration.optional(), hashKv: duration.optional() }).optional(),
});
