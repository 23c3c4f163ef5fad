import { PURPOSES } from "../keys/key-ring.ts";
import { z } from "zod";
import { isClusterName } from "../documents/layout.ts";
import { AGREEMENTS } from "../documents/proof.ts";
import { keepsNothing, RETENTION_DEFAULTS, RULES } from "../retention/policy.ts";
import { drillSchema } from "./drill-schema.ts";
import { nodeFilesSchema } from "./node-files-schema.ts";
import { duration } from "./duration-schema.ts";
import { auth, endpoints, tls } from "./etcd-schema.ts";
import { keysSchema } from "./keys-schema.ts";
import { labelsSchema } from "./labels.ts";
import { deskSchema, recipientsSchema } from "./recipients-schema.ts";
import { replicaProblems, replicasSchema } from "./replica-schema.ts";
import { clusterServiceSchema, serviceSchema } from "./service-schema.ts";
import { settings } from "./settings.ts";
import { size } from "./size-schema.ts";
import { storeSchema } from "./store-schema.ts";
import { trustedKeysSchema } from "./trusted-keys-schema.ts";
import { verifySchema } from "./verify-schema.ts";

/** lifeboat.yaml. Its defaults are the ones that `lifeboat init` writes down. */

const timeZone = z.string().refine((zone) => {
  // The default, for which ICU need not be loaded: that takes some 20 ms of every start.
  if (zone === "UTC") return true;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}, "expected a time zone such as UTC or Europe/Berlin");

const timeouts = settings({
  connect: duration.default(5_000),
  call: duration.default(10_000),
  idle: duration.default(30_000),
  total: duration.default(3_600_000),
  hashKv: duration.default(120_000),
});

const count = z.int().min(0);
const retention = settings({
  latest: count.default(3),
  hourly: count.default(24),
  daily: count.default(7),
  weekly: count.default(4),
  monthly: count.default(12),
  annual: count.default(1),
  minAge: duration.default(RETENTION_DEFAULTS.minAge),
  keepUnverified: duration.default(RETENTION_DEFAULTS.keepUnverified),
  requireReplica: z.array(z.string()).min(1, "name at least one replica, or leave it out").optional(),
}).refine(
  (value) => !keepsNothing(value),
  `every count is 0, and nothing would be kept but the newest good snapshot: set at least one of ${RULES.join(", ")} to 1 or more`,
);

const schedule = z.union([settings({ rate: duration }), settings({ cron: z.string().min(9), timeZone: timeZone.default("UTC") })], {
  error: 'expected { rate: 1h } or { cron: "0 2 * * *", timeZone: Europe/Berlin }',
});

const TLS_UNUSED = "tls is set, but every endpoint is http://";
const isHttps = (url: string): boolean => url.startsWith("https:");

export const clusterSchema = settings({
  labels: labelsSchema,
  endpoints,
  tls: tls.optional(),
  auth: auth.optional(),
  timeouts: timeouts.prefault({}),
  agreement: z.enum(AGREEMENTS, { error: `expected one of ${AGREEMENTS.join(", ")}` }).default("quorum"),
  voters: z.int().min(1, "expected the number of voting members, at least 1").optional(),
  verify: verifySchema.prefault({}),
  drill: drillSchema.prefault({}),
  nodeFiles: nodeFilesSchema.prefault({}),
  schedule: schedule.prefault({ rate: "1h" }),
  retention: retention.prefault({}),
  rpo: duration.prefault("2h"),
  timeZone: timeZone.default("UTC"),
  service: clusterServiceSchema.prefault({}),
})
  .refine(({ tls: own, endpoints: urls }) => own === undefined || urls.some(isHttps), { path: ["tls"], message: TLS_UNUSED })
  .refine(({ verify, ...value }) => verify.tls === undefined || (verify.endpoints ?? value.endpoints).some(isHttps), {
    path: ["verify", "tls"],
    message: TLS_UNUSED,
  })
  .refine(({ verify, agreement }) => verify.confirm !== "required" || agreement !== "off", {
    path: ["verify", "confirm"],
    message: "required needs an agreement that says how many members must confirm, and agreement is off",
  })
  .refine(({ verify, rpo }) => verify.deepVerify < rpo, {
    path: ["verify", "deepVerify"],
    message:
      "it must be shorter than rpo: only what was verified deep is good, and the newest good snapshot would be older than rpo between two",
  });

const VERSION = z.literal(1, { error: "expected 1: the only version of this file" });

/** By name. */
const clustersSchema = z.record(
  z
    .string()
    .refine(
      isClusterName,
      "a cluster's name has lower-case letters, digits, '.', '_' and '-', at most 63, and begins with a letter or digit",
    ),
  clusterSchema,
);

/** A file that `fleet` names: clusters, and nothing of what belongs to all of them. */
export const teamSchema = settings({ version: VERSION, clusters: clustersSchema });

export const configSchema = settings({
  version: VERSION,
  store: storeSchema,
  keys: keysSchema,
  tools: settings({ dir: z.string().min(1).optional() }).prefault({}),
  breakGlass: z.array(z.string().startsWith("age1", "expected an age recipient: age1...")).default([]),
  trustedKeys: trustedKeysSchema.prefault({}),
  recipients: recipientsSchema,
  desk: deskSchema,
  replicas: replicasSchema,
  fleet: z.array(z.string().min(1)).default([]),
  maxDatabaseSize: size.prefault("64GiB"),
  service: serviceSchema.prefault({}),
  clusters: clustersSchema,
}).superRefine((config, context) => {
  for (const [index, purpose] of PURPOSES.entries()) {
    for (const other of PURPOSES.slice(index + 1)) {
      const both = config.trustedKeys[purpose].find((fingerprint) => config.trustedKeys[other].includes(fingerprint));
      if (both !== undefined)
        context.addIssue({
          code: "custom",
          path: ["trustedKeys", other],
          message: `${both} is trusted for ${purpose} and for ${other}: whoever has one key would be two roles; give each purpose a key of its own`,
        });
    }
  }
  for (const problem of requiredReplicaProblems(config)) context.addIssue({ code: "custom", ...problem });
  for (const problem of replicaProblems(config)) context.addIssue({ code: "custom", ...problem });
});

export type Config = z.infer<typeof configSchema>;
export type ClusterConfig = Config["clusters"][string];

/** Replicas that clusters require and that `replicas` does not have. */
export function requiredReplicaProblems({
  clusters,
  replicas,
}: {
  readonly clusters: Readonly<Record<string, { readonly retention: { readonly requireReplica?: readonly string[] | undefined } }>>;
  readonly replicas: readonly { readonly name: string }[];
}): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  const known = replicas.length === 0 ? "there is none" : `there is ${replicas.map(({ name }) => name).join(", ")}`;
  return Object.entries(clusters).flatMap(([name, { retention: of }]) =>
    [...(of.requireReplica ?? []).entries()]
      .filter(([, replica]) => !replicas.some((each) => each.name === replica))
      .map(([index, replica]) => ({
        path: ["clusters", name, "retention", "requireReplica", index],
        message: `replica ${replica} is not under replicas: ${known}`,
      })),
  );
}
