import { z } from "zod";
import { ARCHITECTURES, DISTRIBUTIONS, LEAST_VALID_MS, MOST_VALID_MS } from "../bundle/plan.ts";
import { nodesSchema } from "../config/nodes-schema.ts";
import { isClusterName } from "../documents/layout.ts";
import { parseId, parseUtc } from "../documents/slot.ts";
import type { ReadOnly } from "./parts.ts";

/** What the functions are called with. An event may hold more than is read here: the verify function takes what the backup function returned. */

const cluster = z.string().refine(isClusterName, "is not a cluster's name").describe("the cluster's name");

const utc = z.string().transform((text, context) => {
  const time = parseUtc(text);
  if (time !== undefined) return time;
  context.addIssue({ code: "custom", message: `"${text}" is not a UTC time such as 2026-11-21T10:00:00Z` });
  return z.NEVER;
});

/** What starts an execution of the state machine, a schedule or a person, and what the backup function is called with. */
export const backupEvent = z.object({
  cluster,
  slot: utc.optional().describe("the scheduled time (ISO 8601 in UTC); left out for a backup by hand"),
  execution: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe("the ARN of the execution, which the state machine adds: a retry of it knows its own snapshot by this"),
});

export const verifyEvent = z.object({
  cluster,
  id: z
    .string()
    .refine((id) => parseId(id) !== undefined, "is not a snapshot's id")
    .describe("the snapshot's id"),
});

export const checkEvent = z.object({ cluster });

/** What the state machine and a daily schedule call the keeper with: it finds the order itself, and believes no caller. */
export const keeperEvent = z.object({ cluster });

/** What a daily schedule calls the maintenance of a Kopia repository with: there is one, whatever is asked. */
export const maintainEvent = z.object({});

/** What the schedule calls the audit with: it looks at every cluster of the configuration. */
export const auditEvent = z.object({});

/** What `lifeboat invoke bundle` calls the desk with, or a person by hand. Nothing else may stand in it: what is misspelt must not be passed over. */
export const deskEvent = z.strictObject({
  cluster,
  ref: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,100}$/, "is not a snapshot's id, good or latest")
    .default("good")
    .describe("a snapshot's id, `good` or `latest`"),
  recipients: z.array(z.string().min(1).max(100)).default([]).describe("names of enrolled recipients"),
  unenrolled: z.array(z.string().startsWith("age1").max(4096)).default([]).describe("other age recipients"),
  reason: z.string().trim().min(1).max(1000).describe("why, for the custody log"),
  nodes: nodesSchema.optional().describe("the members to make; left out for those of the snapshot"),
  architecture: z.enum(ARCHITECTURES).describe("of the nodes"),
  distribution: z.enum(DISTRIBUTIONS).default("etcd").describe("whose tools restore"),
  validMs: z
    .int()
    .min(LEAST_VALID_MS)
    .max(MOST_VALID_MS)
    .default(24 * LEAST_VALID_MS)
    .describe("for how long the plan may be applied"),
  nodeFiles: z.boolean().default(true).describe("whether each node gets its newest set of its own files"),
  requestedBy: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe("who says that they ask: nothing proves it, and CloudTrail knows who called"),
});

/** What each cluster of a fleet has: a backup by its schedule; once a day a round of the keeper; and once a day a look whether its drill is due. */
export const ROUNDS = ["backup", "keep", "drill"] as const;

/** What starts a round over the clusters of a fleet, and what its planner is called with: a time by the schedule, or clusters by a person. */
export const roundEvent = z
  .object({
    round: z.enum(ROUNDS).default("backup"),
    network: z.string().min(1).optional().describe("the network whose clusters are meant; left out where it does not matter"),
    tick: utc.optional().describe("the scheduled time: whoever is due since the one before it"),
    clusters: z.array(cluster).min(1).optional().describe("these, whether due or not"),
    slot: utc.optional().describe("with `clusters`: the slot of their backups (ISO 8601 in UTC); left out for backups by hand"),
  })
  .refine(({ tick, clusters }) => (tick === undefined) !== (clusters === undefined), "give either tick or clusters");

/** What the watch of a fleet is called with: nothing by its schedule, and then what was told. */
export const watchEvent = z.object({
  told: z.array(z.object({ cluster, state: z.enum(["missed", "recovered"]) })).optional(),
});

/** What the schedule calls the drill with. */
export const drillEvent = z.object({
  clusters: z.array(cluster).min(1).describe("those whose restores it rehearses, where their drills are due"),
});

/** What the drill calls its desk with. */
export const drillDeskEvent = z.strictObject({
  cluster,
  id: z
    .string()
    .refine((id) => parseId(id) !== undefined, "is not a snapshot's id")
    .describe("the snapshot's id"),
  key: z.string().startsWith("age1").max(4096).describe("the age recipient of a key that is thrown away"),
  nodes: nodesSchema
    .refine(
      (nodes) => nodes.every(({ peerUrls, clientUrls }) => [...peerUrls, ...clientUrls].every((url) => isLoopback(url))),
      "a drill restores to loopback alone",
    )
    .describe("the member to make"),
  architecture: z.enum(ARCHITECTURES),
});

/** By its address: a name may lead anywhere. */
function isLoopback(url: string): boolean {
  return /^https:\/\/127\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d+$/.test(url);
}

/** Whose event it is, also where the rest of it is wrong. */
export const anyEvent = z.object({ cluster });

export type BackupEvent = ReadOnly<z.input<typeof backupEvent>>;
export type RoundEvent = ReadOnly<z.input<typeof roundEvent>>;
export type WatchEvent = ReadOnly<z.input<typeof watchEvent>>;
export type MaintainEvent = ReadOnly<z.input<typeof maintainEvent>>;
export type AuditEvent = ReadOnly<z.input<typeof auditEvent>>;
export type KeeperEvent = ReadOnly<z.input<typeof keeperEvent>>;
export type DrillEvent = ReadOnly<z.input<typeof drillEvent>>;
export type DrillDeskEvent = ReadOnly<z.input<typeof drillDeskEvent>>;
export type DeskEvent = ReadOnly<z.input<typeof deskEvent>>;
export type CheckEvent = ReadOnly<z.input<typeof checkEvent>>;
