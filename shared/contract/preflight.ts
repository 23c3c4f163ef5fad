import { z } from "zod";
import { bytes, cluster, fault, finding, lineageAttention, member, object, revision, text, time } from "./parts.ts";

/** Where no endpoint answers, or the members cannot be listed, what only they know is null. */
export const preflightDocument = object({
  cluster,
  clusterId: text.nullable().describe("etcd's, in hexadecimal"),
  revision: revision.nullable().describe("the highest that a member answered"),
  ready: z.boolean().describe("whether a backup would find a member"),
  chosen: object({
    endpoint: text.describe("where it is asked"),
    memberId: text.describe("in hexadecimal"),
    name: text.describe("of the member"),
    reason: text.describe("why this one"),
  })
    .nullable()
    .describe("the member that a backup would ask first; null where there is none"),
  quarantine: z.array(text).nullable().describe("why a backup would be in quarantine, a sentence each; null where it would not"),
  endpoints: z
    .array(
      object({
        endpoint: text.describe("as the configuration has it"),
        memberId: text.nullable().describe("in hexadecimal"),
        name: text.nullable().describe("of the member"),
        version: text.nullable().describe("of etcd"),
        databaseBytes: bytes.nullable().describe("size of the database, in bytes"),
        revision: revision.nullable().describe("of the member"),
        isLeader: z.boolean().nullable().describe("whether the member leads"),
        isLearner: z.boolean().nullable().describe("a learner is never asked for a snapshot"),
        latencyMs: z.number().nonnegative().nullable().describe("of the answer to the status call"),
        snapshotAllowed: z.boolean().nullable().describe("whether this user may take a snapshot"),
        certificateExpires: time.nullable().describe("the server's certificate; null without TLS"),
        kind: z
          .enum(["member", "grpc-proxy", "balancer"])
          .nullable()
          .describe("what the endpoint leads to: one member, an etcd grpc-proxy, or a load balancer before several members"),
        gated: z
          .boolean()
          .nullable()
          .describe("whether a [gate](gate.md) lets through what a backup needs and nothing else; null where that could not be learned"),
        answeredBy: z.array(text).nullable().describe("ids of the members that answered there; all else is what the first one said"),
        error: fault.nullable().describe("why it gave no status; all else is null then"),
      }),
    )
    .describe("each endpoint of the configuration"),
  members: z.array(member).nullable().describe("as etcd lists them"),
  alarms: z
    .array(object({ memberId: text.describe("in hexadecimal"), alarm: z.enum(["NOSPACE", "CORRUPT"]).describe("etcd's") }))
    .nullable()
    .describe("those that are raised"),
  clientCertificateExpires: time.nullable().describe("the certificate of the configuration; null where there is none"),
  lineage: object({
    number: z.int().positive().describe("from 1"),
    opens: text.nullable().describe("why the next backup opens it; null where it is open already"),
  })
    .nullable()
    .describe("the [lineage](#lifeboat-lineage) of the next backup; null where that is not known"),
  lineageAttention,
  findings: z.array(finding).describe("what was found"),
});
