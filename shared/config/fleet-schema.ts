import { z } from "zod";
import { CONCURRENCY } from "../fleet/pace.ts";
import { networkSchema } from "./network-schema.ts";
import { settings } from "./settings.ts";
import { size } from "./size-schema.ts";

/** The network of a cluster that names none: `service.network`. */
export const DEFAULT_NETWORK = "default";

/** What goes over all networks has a state machine of this name. */
const ROUND_NAMES: ReadonlySet<string> = new Set(["keep", "drill", "watch"]);

const networkName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,15}$/, "a network's name has at most 16 lower-case letters, digits and '-', beginning with a letter")
  .refine((name) => !ROUND_NAMES.has(name), `a network cannot be called ${[...ROUND_NAMES].join(", ")}: other state machines are`)
  .refine((name) => name !== DEFAULT_NETWORK, `${DEFAULT_NETWORK} is what service.network is called; take another name`);

const fleet = settings({
  /** The largest database that a listed cluster may have: memory and time of the functions follow from it. */
  databaseSize: size.prefault("2GiB"),
  megabytesPerSecond: z.number().min(1).max(1000).default(40),
  /** How many clusters of a network are backed up at once. */
  concurrency: z.int().min(1).max(1000).default(CONCURRENCY),
  /** Further networks beside `service.network`. Each has a state machine and two functions of its own. */
  networks: z.record(networkName, networkSchema).default({}),
});

/** `service.fleet`: one set of functions for all clusters, which the store lists. `true` for its defaults. */
export const fleetSchema = z.preprocess((value) => (value === true ? {} : value === false ? undefined : value), fleet.optional());
