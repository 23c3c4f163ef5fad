import { z } from "zod";
import { CONFIRM } from "../documents/confirmation.ts";
import { duration } from "./duration-schema.ts";
import { auth, endpoints, tls } from "./etcd-schema.ts";
import { settings } from "./settings.ts";

export const VERIFY_DEFAULTS = { confirm: "wanted" } as const;

/** `clusters.NAME.verify`: whether the verifier asks the members itself, and by which credentials. What is left out is as for the cluster. */
export const verifySchema = settings({
  confirm: z.enum(CONFIRM, { error: `expected one of ${CONFIRM.join(", ")}` }).default(VERIFY_DEFAULTS.confirm),
  endpoints: endpoints.optional(),
  tls: tls.optional(),
  auth: auth.optional(),
  timeouts: settings({ connect: duration.optional(), call: duration.optional(), hashKv: duration.optional() }).optional(),
});
