import { z } from "zod";
import { bytes, cluster, fault, finding, lineageAttention, object, revision, text, time } from "./parts.ts";

/** Where no endpoint answers, or the members cannot be listed, what only they know is null. */
export const preflightDocument = object({
  cluster,
  clusterId: text.nullable(),
  revision: revision.nullable(),
  ready: z.boolean().describe("whether a backup would find a member"),
  chosen: object({ endpoint: text, memberId: text, name: text, reason: text }).nullable(),
  quarantine: z.array(text).nullable().describe("the reasons why a backup would be quarantined"),
  endpoints: z.array(
    object({
      endpoint: text,
      memberId: text.nullable(),
      name: text.nullable(),
      version: text.nullable(),
      databaseBytes: bytes.nullable(),
      revision: revision.nullable(),
      isLeader: z.boolean().nullable(),
      isLearner: z.boolean().nullable(),
      latencyMs: z.number().nonnegative().nullable(),
      snapshotAllowed: z.boolean().nullable(),
      certificateExpires: time.nullable(),
      kind: z
        .enum(["member", "grpc-proxy", "balancer"])
        .nullable()
        .describe("what the endpoint leads to: one member, an etcd grpc-proxy, or a load balancer before several members"),
      answeredBy: z.array(text).nullable().describe("ids of the members that answered there; all else is what the first one said"),
      error: fault.nullable().describe("why it gave no status; all else is null then"),
    }),
  ),
  members: z.array(object({ id: text, name: text, peerUrls: z.array(text), clientUrls: z.array(text), isLearner: z.boolean() })).nullable(),
  alarms: z.array(object({ memberId: text, alarm: z.enum(["NOSPACE", "CORRUPT"]) })).nullable(),
  clientCertificateExpires: time.nullable(),
  lineage: object({
    number: z.int().positive(),
    opens: text.nullable().describe("the reason why the next backup opens it, or null"),
  }).nullable(),
  lineageAttention,
  findings: z.array(finding),
});
