import { z } from "zod";
import { ARCHITECTURES, TOOLS_MINORS } from "../bundle/plan.ts";
import { duration } from "./duration-schema.ts";
import { fleetSchema } from "./fleet-schema.ts";
import { networkSchema } from "./network-schema.ts";
import { settings } from "./settings.ts";
import { size } from "./size-schema.ts";

/** How the service is deployed: `service` in lifeboat.yaml, at the top and in each cluster. The command line reads past it. */

const ARCHITECTURE = z.enum(ARCHITECTURES, { error: `expected one of ${ARCHITECTURES.join(", ")}` });

/** The function that makes restore bundles. */
const desk = settings({
  enabled: z.boolean().default(false),
  /** Of the nodes that its bundles are for. Each takes some 80 MB of the 250 MB that a function may have. */
  architectures: z
    .array(ARCHITECTURE)
    .min(1, "at least one architecture")
    .refine((each) => new Set(each).size === each.length, "each architecture once")
    .default(["amd64"]),
  /** Whether its callers' policy asks for a second factor. */
  requireMfa: z.boolean().default(true),
});

/** A program that functions run: where the file is, and that it is the right one. */
const program = settings({
  path: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected the file's SHA-256, 64 hex digits: sha256sum prints it"),
});

/** What rehearses restores, of the clusters that have `drill.every`. */
const drill = settings({
  /** Of the machines that it runs on. */
  architecture: ARCHITECTURE.default("arm64"),
  /** The server etcd, for each minor that the clusters have. */
  etcd: z
    .partialRecord(z.enum(TOOLS_MINORS, { error: `expected one of ${TOOLS_MINORS.map((minor) => `"${minor}"`).join(", ")}` }), program)
    .refine((etcd) => Object.keys(etcd).length > 0, "at least one minor of etcd"),
});

/** The retentions that CloudWatch Logs takes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653] as const;

export const serviceSchema = settings({
  /** Part of the names of stacks and state machines. 16: with a cluster's 63 it stays within the 80 of a state machine's name. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,15}$/, "expected at most 16 lower-case letters, digits and '-', beginning with a letter")
    .default("lifeboat"),
  network: networkSchema.optional(),
  fleet: fleetSchema,
  notify: z.array(z.email("expected an e-mail address")).default([]),
  runbook: z.url({ protocol: /^https?$/, error: "expected the address where docs/runbook.md is published" }).optional(),
  logDays: z.literal([...LOG_DAYS], `expected one of the retentions of CloudWatch Logs: ${LOG_DAYS.join(", ")}`).default(90),
  /** Roles of persons who prune by hand; the keeper's own is one without being named. */
  keepers: z
    .array(
      z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[A-Za-z0-9+=,.@_/-]+$/, "expected the ARN of a role, and not of a session of it"),
    )
    .default([]),
  secretKeys: z
    .array(z.string().regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[a-z0-9-]+$/, "expected the ARN of a KMS key"))
    .default([]),
  desk: desk.prefault({}),
  kopia: program.optional(),
  drill: drill.optional(),
});

export const clusterServiceSchema = settings({
  /** Of `service.fleet`: from where the cluster is reached. */
  network: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,15}$/,
      "expected the name of a network: at most 16 lower-case letters, digits and '-', beginning with a letter",
    )
    .default("default"),
  databaseSize: size.prefault("2GiB"),
  megabytesPerSecond: z.number().min(1).max(1000).default(40),
  flexibleWindow: duration.optional(),
  grace: duration.prefault("15m"),
});
