import { posix } from "node:path";
import { z } from "zod";
import { isKey } from "../store/blob-key.ts";
import { isAddress } from "./address.ts";
import { settings } from "./settings.ts";

/** Where snapshots are kept: `store` in lifeboat.yaml. */

/** The store must be there, with the marker that init and the first backup leave: never made anew. */
const mustExist = z.boolean().optional();

const directoryStore = settings({ kind: z.literal("directory"), path: z.string().min(1), mustExist });

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const bucket = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    "expected a bucket's name: 3 to 63 lower-case letters, digits, '.' and '-'; no address and no path",
  );

const prefix = z
  .string()
  .default("")
  .transform((text, context) => {
    const bare = text.replace(/\/$/, "");
    if (bare !== "" && !isKey(bare)) {
      context.addIssue({
        code: "custom",
        message: `"${text}" is not a prefix such as backups/etcd: segments of letters, digits and . _ @ -, not beginning with a dot or slash`,
      });
      return z.NEVER;
    }
    return bare === "" ? "" : `${bare}/`;
  });

const endpoint = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && isAddress(url) && url.search === "" && url.hash === "";
}, "expected the address of an S3-compatible store such as https://s3.example:9000, without credentials");

const REGION = "expected a region such as eu-central-1; an S3-compatible store that has none takes us-east-1";

const region = z.string({ error: REGION }).regex(/^[a-z0-9-]+$/, REGION);

const lockMode = z.enum(["governance", "compliance"], { error: "expected governance or compliance" });

// S3 takes a retention of up to 100 years.
const lockDays = z.int().min(1).max(36_500);

const s3Store = settings({
  kind: z.literal("s3"),
  bucket,
  prefix,
  region,
  endpoint: endpoint.optional(),
  pathStyle: z.boolean().default(false),
  profile: z.string().min(1).optional(),
  expectedBucketOwner: z
    .string()
    .regex(/^\d{12}$/, "expected an account's twelve digits, in quotes")
    .optional(),
  sse: settings({ kmsKey: z.string().min(1) }).optional(),
  lock: settings({
    mode: lockMode,
    days: lockDays,
    keptDays: lockDays.optional(),
  })
    .refine(({ keptDays }) => keptDays === undefined || keptDays >= 2, {
      path: ["keptDays"],
      message: "expected at least 2: locks are renewed at half of it, and a run of the keeper may come once a day",
    })
    .optional(),
  mustExist,
});

const OBJECTS = "expected { kind: directory, path: ./vault } or { kind: s3, bucket: ..., region: ... }";
const NO_MANIFESTS = "a Kopia repository holds no manifests, which are objects";

/** A store of objects: what keeps the manifests of a Kopia repository. */
const objectStoreSchema = z.discriminatedUnion("kind", [directoryStore, s3Store], {
  error: ({ input }) => (isOfKopia(input) ? `${NO_MANIFESTS}; ${OBJECTS}` : OBJECTS),
});

function isOfKopia(input: unknown): boolean {
  return typeof input === "object" && input !== null && "kind" in input && input.kind === "kopia";
}

export type ObjectStoreConfig = z.infer<typeof objectStoreSchema>;

/** Kopia refuses to extend a lock that is less than a day longer than its daily maintenance (repo/maintenance/blob_retain.go). */
const EXTENDED_DAILY = "expected at least 2: the daily maintenance renews the locks, and Kopia wants a day more than that";

const repositorySchema = z.discriminatedUnion(
  "kind",
  [
    settings({ kind: z.literal("filesystem"), path: z.string().min(1) }),
    settings({
      kind: z.literal("s3"),
      bucket,
      prefix,
      region,
      endpoint: endpoint.optional(),
      profile: z.string().min(1).optional(),
      lock: settings({ mode: lockMode, days: lockDays.min(2, EXTENDED_DAILY) }).optional(),
    }),
  ],
  { error: "expected { kind: filesystem, path: ./kopia } or { kind: s3, bucket: ..., region: ... }" },
);

export type KopiaRepositoryConfig = z.infer<typeof repositorySchema>;

/** Snapshots in a Kopia repository; signed manifests and the custody log, which are objects, in a store beside it. */
const kopiaStore = settings({ kind: z.literal("kopia"), repository: repositorySchema, manifests: objectStoreSchema }).superRefine(
  ({ repository, manifests }, context) => {
    const problem = samePlace(repository, manifests);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["manifests"], message: problem });
  },
);

export type KopiaStoreConfig = z.infer<typeof kopiaStore>;

export const storeSchema = z.discriminatedUnion("kind", [directoryStore, s3Store, kopiaStore], {
  error: `${OBJECTS}, or { kind: kopia, repository: ..., manifests: ... }`,
});

/** Where signed documents lie: the store itself, or what stands beside a Kopia repository. */
export function objectStoreOf(store: z.infer<typeof storeSchema>): ObjectStoreConfig {
  return store.kind === "kopia" ? store.manifests : store;
}

/** Kopia makes a repository only where there is nothing, and takes what others put there for its own. */
function samePlace(repository: KopiaRepositoryConfig, manifests: ObjectStoreConfig): string | undefined {
  return overlap(repository, manifests)
    ? "the manifests must not lie in the Kopia repository, nor it among them: give each a place of its own"
    : undefined;
}

/** Whether one of two places is the other, or lies in it. */
export function overlap(one: ObjectStoreConfig | KopiaRepositoryConfig, other: ObjectStoreConfig | KopiaRepositoryConfig): boolean {
  const [root, within] = [rootOf(one), rootOf(other)];
  return root.startsWith(within) || within.startsWith(root);
}

/** Where it begins: what lies in it has a root that begins so. */
export function rootOf(place: ObjectStoreConfig | KopiaRepositoryConfig): string {
  if (place.kind !== "s3") {
    const path = posix.normalize(`${place.path}/`);
    return `folder ${/^(?:\/|\.\.?\/)/.test(path) ? path : `./${path}`}`;
  }
  return `bucket ${place.endpoint ?? ""} ${place.bucket} ${place.prefix}`;
}
