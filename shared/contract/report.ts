import { z } from "zod";
import { bytes, count, labels, object, revision, text, time } from "./parts.ts";
import type { ReadOnly } from "./parts.ts";

/**
 * What the page of `lifeboat report` is made of: the page is a pure function of this, and of nothing else. Times are in ms since 1970 and sizes in bytes. Names and messages are whatever a store or a
 * server said: the page trusts none of them.
 */

const instant = z.int();
const ms = z.number().nonnegative();

export const VERDICT_WORDS = ["ready", "ready with loss", "not ready"] as const;
export const ANSWERS = ["yes", "no", "unknown"] as const;
export const FINDING_SEVERITIES = ["error", "warn", "info"] as const;

const finding = object({
  code: text.describe("stable"),
  severity: z.enum(FINDING_SEVERITIES),
  cluster: text.describe("empty where it is about the store as a whole"),
  subject: text,
  message: text.describe("a sentence, lower case, no full stop"),
  means: text.describe("what the code says of any cluster"),
  evidence: z.array(text),
  fix: text.describe("empty where there is nothing to do"),
  runbook: text.describe("the heading of docs/runbook.md; empty where there is none"),
});

const verdict = object({
  word: z.enum(VERDICT_WORDS).nullable().describe("null where etcd and the keys would have to be asked first"),
  askedAt: instant.nullable().describe("when they were, by a signed verdict; null where there is none that is recent"),
  lines: z.array(object({ question: text, answer: z.enum(ANSWERS), evidence: text, fix: text })),
});

/** What became of the backups that were due on a day of UTC. `unproven`: stored, and not good. */
const day = object({ day: instant, good: count, unproven: count, failed: count, missed: count });

const cluster = object({
  name: text,
  labels,
  isConfigured: z.boolean(),
  verdict,
  rpoMs: ms.nullable().describe("null for a cluster that is not configured"),
  schedule: text.nullable().describe("in words"),
  good: object({ id: text, takenAt: instant, ageMs: ms }).nullable().describe("the newest good snapshot"),
  stored: object({ snapshots: count, good: count, bytes, oldest: instant.nullable() }),
  database: object({ bytes, revision, liveKeys: count.nullable(), etcdVersion: text.nullable(), members: count.nullable() })
    .nullable()
    .describe("of the newest snapshot that is believed"),
  days: z.array(day).describe("without gaps, the oldest first, the last today"),
  snapshots: z.array(object({ at: instant, bytes, revision, tookMs: ms, isGood: z.boolean() })).describe("that are stored, oldest first"),
  exposure: z.array(object({ day: instant, worstMs: ms })).describe("how old the newest good snapshot was at its worst, each day"),
  drills: z.array(object({ at: instant, ok: z.boolean(), restoreMs: ms.nullable(), reason: text.nullable() })).describe("oldest first"),
  forecast: object({
    points: z.array(object({ at: instant, snapshots: count, bytes })).describe("the first is now"),
    bytesPerDay: count,
    reason: text,
  }).nullable(),
  custody: object({ records: count, head: text.nullable() }).nullable(),
});

/** What `lifeboat report --json` prints. */
export const reportDocument = object({
  file: text.describe("where the page is now, an absolute path"),
  bytes: count.describe("of the page"),
  made: time.describe("when the page was made; with `--open` when it was put into the store"),
  opened: z.boolean().describe("whether a browser was started"),
  clusters: object({
    all: count.describe("together"),
    ready: count.describe("all questions are answered yes"),
    readyWithLoss: count.describe("all but the age"),
    notJudged: count.describe("etcd and the keys would have to be asked first"),
    notReady: count.describe("some question is answered no"),
  })
    .nullable()
    .describe("how many, by verdict; null with `--open`"),
  findings: object({
    error: count.describe("a promise does not hold"),
    warn: count.describe("it will not for long"),
    info: count.describe("to be known"),
  })
    .nullable()
    .describe("how many, by severity; null with `--open`"),
});

export const reportData = object({
  madeAt: instant,
  tool: text.describe("name and version of what made it"),
  location: text.describe("of the store"),
  clusters: z.array(cluster),
  findings: z.array(finding),
});

export type ReportData = ReadOnly<z.infer<typeof reportData>>;
export type ClusterReport = ReportData["clusters"][number];
export type ReportFinding = ReportData["findings"][number];
export type DayTally = ClusterReport["days"][number];
