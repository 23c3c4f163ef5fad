import { z } from "zod";
import { isOwnDataKey } from "./layout.ts";

/**
 * Every signed document of the store, format version 1, as docs/format.md specifies it. Objects are loose: a reader keeps and
 * ignores fields that it does not know, so later minor additions do not break it; a changed meaning takes a new formatVersion.
 */

export const FORMAT_VERSION = 1;

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits");
const hexId = z.string().regex(/^[0-9a-f]{1,16}$/, "expected an id in hex");
const base64 = z.base64();
const bytes = z.int().nonnegative();
const instant = z.iso.datetime();
const clusterName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "expected a cluster name");

/** `<scheduled time>`, with `-2`, `-3` where the second was taken: see slot.ts. */
export const snapshotId = z.string().regex(/^\d{8}T\d{6}Z(-[1-9]\d{0,3})?$/, "expected an id such as 20261121T100000Z");

const tool = z.looseObject({ name: z.string(), version: z.string() });

export const signerSchema = z.looseObject({
  purpose: z.enum(["snapshot", "audit", "bundle"]),
  fingerprint: digest,
  /** SubjectPublicKeyInfo, DER in base64. For finding the key and for openssl; trust never comes from here. */
  publicKey: base64,
});

/** The record of the custody log that announced the document; a document without one is not accounted for. */
export const custodyReceiptSchema = z.looseObject({ sequence: z.int().positive(), digest });

/** Of one document. The store's own key and those of replicas make a few; each one that is listed may cost a call to a key service. */
export const MAX_WRAPPINGS = 16;
export const wrappingSchema = z.looseObject({ kind: z.enum(["local", "kms"]), key: z.string().min(1), ciphertext: base64 });

const sealed = z.looseObject({
  kind: z.literal("sealed"),
  key: z.string().min(1),
  bytes,
  sha256: digest,
  /** CRC-32 (ISO-HDLC) of the stored object, eight hex digits. */
  crc32: z.string().regex(/^[0-9a-f]{8}$/),
  /** The object's version id where the store has versions. */
  version: z.string().optional(),
  compression: z.literal("zstd"),
  encryption: z.looseObject({
    format: z.literal("age-encryption.org/v1"),
    recipient: z.string().startsWith("age1"),
    wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
    breakGlass: z.array(z.string().startsWith("age1")),
  }),
});

const kopia = z.looseObject({ kind: z.literal("kopia"), repository: z.string(), snapshot: z.string(), object: z.string(), bytes });

const crc32c = z.int().min(0).max(0xffff_ffff);
const revision = z.int().nonnegative();
/** -1 where nothing was compacted. */
const compactRevision = z.int().min(-1);
const hashKv = z.looseObject({ revision, compactRevision, hash: crc32c });

/** What the page scan found while the snapshot streamed by. */
const content = z.union([
  z.looseObject({
    tree: z.literal("whole"),
    /** As `etcdutl snapshot status` prints them. */
    hash: crc32c,
    revision,
    compactRevision,
    inUseBytes: bytes,
    /** `live` is absent where there were too many entries to keep a record of. */
    keys: z.looseObject({ revisions: z.int().nonnegative(), live: z.int().nonnegative().optional() }),
    /** Absent for the same reason. */
    hashKv: hashKv.optional(),
    /** As bucket `alarm` has them: a restore brings them back. Absent where an older version of lifeboat wrote it. */
    alarms: z.array(z.looseObject({ memberId: hexId, alarm: z.string() })).optional(),
  }),
  z.looseObject({ tree: z.string().startsWith("tree/"), message: z.string() }),
]);

/** Whose word a proof takes: see shared/etcd/agreement.ts. */
export const AGREEMENTS = ["quorum", "all", "one", "off"] as const;

const voter = { id: hexId, name: z.string() };
const said = { ...voter, revision, compactRevision, hash: crc32c };
const saidNothing = { ...voter, reason: z.string() };
const vote = z.discriminatedUnion("answer", [
  z.looseObject({ answer: z.literal("agrees"), ...said }),
  z.looseObject({ answer: z.literal("dissents"), ...said }),
  z.looseObject({ answer: z.literal("unavailable"), ...saidNothing }),
  /** It sent a snapshot that was not taken. */
  z.looseObject({ answer: z.literal("broken"), ...saidNothing }),
]);
const asked = {
  agreement: z.enum(AGREEMENTS),
  /** Voting members of the cluster, and how many of them had to agree. */
  voters: z.int().nonnegative(),
  needed: z.int().nonnegative(),
  /** Those that had something to say, or could not. */
  members: z.array(vote),
};

const proof = z.discriminatedUnion("status", [
  /** Bucket `key` up to `revision`. */
  z.looseObject({ status: z.literal("proven"), revision, ...asked }),
  z.looseObject({ status: z.literal("unproven"), reason: z.string(), ...asked }),
]);

const member = z.looseObject({
  id: hexId,
  name: z.string(),
  peerUrls: z.array(z.string()),
  clientUrls: z.array(z.string()),
  isLearner: z.boolean(),
});

const head = { formatVersion: z.literal(FORMAT_VERSION), cluster: clusterName };

export const manifestSchema = z
  .looseObject({
    type: z.literal("snapshot"),
    ...head,
    id: snapshotId,
    slot: z.looseObject({ time: instant, trigger: z.enum(["manual", "slot"]) }),
    /** When the stream began, and when the manifest was made. */
    startedAt: instant,
    createdAt: instant,
    /** Which run made it, where the run has a name: the ARN of the execution of a state machine. Other fields may follow. */
    run: z.looseObject({ execution: z.string().min(1).max(2048) }).optional(),
    tool,
    etcd: z.looseObject({
      clusterId: hexId,
      source: z.looseObject({ memberId: hexId, name: z.string(), endpoint: z.string(), version: z.string(), isLeader: z.boolean() }),
      members: z.array(member),
      /** What the source answered just before the stream: the snapshot is of this revision or a later one. */
      before: z.looseObject({
        revision: z.int().nonnegative(),
        raftIndex: z.int().nonnegative(),
        raftTerm: z.int().nonnegative(),
        databaseBytes: bytes,
      }),
    }),
    lineage: z.int().positive(),
    snapshot: z.looseObject({
      /** All bytes that etcd sent, its 32-byte trailer included. */
      bytes,
      sha256: digest,
      /** etcd's own trailer: the SHA-256 of all bytes before it. */
      trailer: digest,
    }),
    content,
    stored: z.discriminatedUnion("kind", [sealed, kopia]),
    proof,
    quarantine: z.looseObject({ reasons: z.array(z.string()).min(1) }).optional(),
    custody: custodyReceiptSchema.optional(),
    signer: signerSchema,
  })
  // Else whoever removes or copies this snapshot would remove another's data, or write into the log of a replica.
  .refine((manifest) => manifest.stored.kind !== "sealed" || isOwnDataKey(manifest, manifest.stored.key), {
    path: ["stored", "key"],
    message: "it is not the key of this snapshot's own data: a manifest must not name another's",
  });

const breakGlassCopy = z.looseObject({ recipients: z.array(z.string().startsWith("age1")).min(1), ciphertext: base64 });

export const verificationSchema = z.looseObject({
  type: z.literal("verification"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes, the envelope as stored. */
  manifestDigest: digest,
  verifiedAt: instant,
  level: z.literal("deep"),
  /** What was read back, and equal to what the manifest says. */
  snapshot: z.looseObject({ bytes, sha256: digest }),
  /** The keys of those wrappings in the manifest that were opened, and hold the snapshot's identity. */
  opened: z.array(z.string().min(1)).max(MAX_WRAPPINGS).optional(),
  /** The identity, wrapped by the verifier under keys whose wrappings it could not open: the manifest's are only the writer's word. */
  wrappings: z.array(wrappingSchema).max(MAX_WRAPPINGS).optional(),
  /** An age file of the identity for the break-glass recipients that the verifier was configured with. */
  breakGlass: breakGlassCopy.optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

/** A further wrapping of a snapshot's identity, added after its backup. */
export const rewrapSchema = z.looseObject({
  type: z.literal("rewrap"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes. */
  manifestDigest: digest,
  rewrappedAt: instant,
  /** They count as if they stood in the manifest. */
  wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export const LINEAGE_REASONS = ["first-backup", "cluster-id-changed", "revision-went-backwards", "key-count-collapsed"] as const;

export const lineageSchema = z.looseObject({
  type: z.literal("lineage"),
  ...head,
  number: z.int().positive(),
  clusterId: hexId,
  openedAt: instant,
  reason: z.enum(LINEAGE_REASONS),
  /** The revision that was seen when it was opened. */
  revision: z.int().nonnegative(),
  /** Keys alive then, where it was opened for their number. */
  liveKeys: z.int().nonnegative().optional(),
  previous: z
    .looseObject({
      number: z.int().positive(),
      clusterId: hexId,
      snapshot: snapshotId.optional(),
      revision: z.int().nonnegative().optional(),
      /** Keys alive in that snapshot, where they were counted. */
      liveKeys: z.int().nonnegative().optional(),
      /** The snapshot of the last 7 days with most keys, where it is another and the number of keys was the reason. */
      most: z.looseObject({ snapshot: snapshotId, liveKeys: z.int().nonnegative() }).optional(),
    })
    .optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

/** Marks a place as a store, so that an empty folder where a disk should be is not taken for one. */
export const storeSchema = z.looseObject({
  type: z.literal("store"),
  formatVersion: z.literal(FORMAT_VERSION),
  /** Random: no other store has it. */
  store: z.string().regex(/^[0-9a-f]{32}$/, "expected a store's id: 32 hex digits"),
  createdAt: instant,
  tool,
  signer: signerSchema,
});

/** The word of a person that a lineage is what it should be. */
export const acceptanceSchema = z.looseObject({
  type: z.literal("acceptance"),
  ...head,
  /** The lineage's. */
  number: z.int().positive(),
  /** SHA-256 of the lineage object's bytes, the envelope as stored. */
  lineageDigest: digest,
  clusterId: hexId,
  acceptedAt: instant,
  /** In the person's words. */
  reason: z.string().min(1).max(1000),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

/** What a custody record may tell of. Readers take any other word as well: later versions have further events. */
export const CUSTODY_EVENTS = [
  "backup",
  "skipped",
  "failed",
  "verified",
  "removed",
  "lineage-opened",
  "lineage-accepted",
  "rewrapped",
  "copied",
  "pinned",
  "bundle",
  "drill",
  "configuration-changed",
] as const;

export const custodySchema = z
  .looseObject({
    type: z.literal("custody"),
    ...head,
    sequence: z.int().positive(),
    /** SHA-256 of the object of the record before; absent in the first. */
    previous: digest.optional(),
    /** Where that object is larger than any document: its size. `previous` is then of its first 1 MiB. */
    previousBytes: bytes.optional(),
    time: instant,
    /** Who ran it: `user@host`, or an ARN. */
    actor: z.string().min(1),
    event: z.string().regex(/^[a-z][a-z-]{0,39}$/, "expected an event"),
    subjects: z.array(
      z.looseObject({
        /** Of an object in the store. */
        key: z.string().min(1),
        /** Of the object as it was there. That of an object which the record announces is not known yet. */
        digest: digest.optional(),
      }),
    ),
    /** Digests of the sections of the configuration that matter (config/policy-digests.ts), as far as this run or one before it knew them. */
    configuration: z.record(z.string(), digest).optional(),
    details: z.looseObject({
      /** For people. */
      reason: z.string().optional(),
      /** Of the error. */
      code: z.string().optional(),
      /** The record whose announcement came to nothing, which this one explains. */
      of: z.int().positive().optional(),
      /** The newest good snapshot that the run found: its manifest. So each backup says that the one before was there. */
      seen: z.looseObject({ key: z.string().min(1), digest }).optional(),
      /** The replica that a snapshot was copied to: what the configuration calls it, and where it was. */
      to: z.looseObject({ name: z.string().min(1), location: z.string().min(1) }).optional(),
    }),
    tool,
    signer: signerSchema,
  })
  .refine(({ sequence, previous }) => (sequence === 1) === (previous === undefined), "expected previous in every record but the first");

/** In the copy of a log, for an object that stands in the place of a record and is larger than any: it is not copied. */
export const placeholderSchema = z.looseObject({
  type: z.literal("placeholder"),
  ...head,
  sequence: z.int().positive(),
  /** Of the object, and the SHA-256 of its first 1 MiB. */
  bytes,
  beginning: digest,
  seenAt: instant,
  tool,
  signer: signerSchema,
});

export type Placeholder = z.infer<typeof placeholderSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
export type Verification = z.infer<typeof verificationSchema>;
export type Rewrap = z.infer<typeof rewrapSchema>;
/** A wrapping as it stands in a document: `ciphertext` in base64. */
export type WrappingRecord = z.infer<typeof wrappingSchema>;
/** The identity for break-glass recipients: `ciphertext` is an age file in base64. */
export type BreakGlassCopy = z.infer<typeof breakGlassCopy>;
export type Lineage = z.infer<typeof lineageSchema>;
export type Acceptance = z.infer<typeof acceptanceSchema>;
export type CustodyRecord = z.infer<typeof custodySchema>;
export type CustodyEvent = (typeof CUSTODY_EVENTS)[number];
/** Names a record of the log: by its place and by its bytes. */
export type CustodyReceipt = Pick<z.infer<typeof custodyReceiptSchema>, "sequence" | "digest">;
export type Agreement = (typeof AGREEMENTS)[number];
export type Content = Manifest["content"];
export type Proof = Manifest["proof"];
export type Vote = z.infer<typeof vote>;
export type LineageReason = (typeof LINEAGE_REASONS)[number];
export type Stored = Manifest["stored"];
export type SealedObject = Extract<Stored, { kind: "sealed" }>;
