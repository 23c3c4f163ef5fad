import { z } from "zod";
import { digest, FORMAT_VERSION, instant, signerSchema, tool } from "./parts.ts";

/** The list of the clusters that a service backs up: docs/format.md, "The fleet". It is of no one cluster. */
export const fleetSchema = z.looseObject({
  type: z.literal("fleet"),
  formatVersion: z.literal(FORMAT_VERSION),
  /** Counts from 1, as in its key. The highest that is believed is in force. */
  number: z.int().positive(),
  createdAt: instant,
  /** Who applied it, by their own word: the signature says by which key. */
  by: z.string().min(1).max(2048),
  /** The list that this one takes the place of. Absent in the first. */
  previous: z.looseObject({ number: z.int().positive(), digest }).optional(),
  /** By name: the settings of each as lifeboat.yaml has them, without defaults. What they mean is for a reader's own schema: a setting that it does not know is a fault of that cluster alone. */
  clusters: z.record(z.string(), z.looseObject({ settings: z.record(z.string(), z.unknown()) })),
  tool,
  signer: signerSchema,
});

/** 8 MiB: some 3,600 clusters with the certificate of an authority each, and 14,000 without (docs/scale.md). */
export const MAX_FLEET_BYTES = 8 * 1024 * 1024;
