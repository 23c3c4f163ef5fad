import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { contentSchema } from "./content-schema.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import { isOwnDataKey } from "./layout.ts";
import { bytes, custodyReceiptSchema, digest, head, hexId, instant, signerSchema, snapshotId, tool } from "./parts.ts";
import { isAgreement, proofSchema } from "./proof.ts";
import { COMPRESSIONS, isStoredLater, objectsOf, storedSchema } from "./stored.ts";

/** Why a run was started. */
export const TRIGGERS = ["manual", "slot"] as const;

const member = z.looseObject({
  id: hexId,
  name: z.string(),
  peerUrls: z.array(z.string()),
  clientUrls: z.array(z.string()),
  isLearner: z.boolean(),
});

export const manifestSchema = z
  .looseObject({
    type: z.literal("snapshot"),
    ...head,
    id: snapshotId,
    slot: z.looseObject({ time: instant, trigger: knownOrUnknown(TRIGGERS) }),
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
    content: contentSchema,
    stored: storedSchema,
    proof: proofSchema,
    quarantine: z.looseObject({ reasons: z.array(z.string()).min(1) }).optional(),
    custody: custodyReceiptSchema.optional(),
    signer: signerSchema,
  })
  // Else whoever removes or copies this snapshot would remove another's data, or write into the log of a replica.
  .refine((manifest) => objectsOf(manifest.stored).every(({ key }) => isOwnDataKey(manifest, key)), {
    path: ["stored", "key"],
    message: "it is not the key of this snapshot's own data: a manifest must not name another's",
  });

export type Manifest = z.infer<typeof manifestSchema>;

/** Why only a later version can judge a snapshot, lower case, no full stop; undefined where this one can. Words that change nothing of that, such as a trigger, are none. */
export function whyLater({ stored, proof }: Manifest): string | undefined {
  if (isStoredLater(stored)) return `it is stored as ${stored.kind}`;
  if (stored.kind === "sealed" && !COMPRESSIONS.some((each) => each === stored.compression))
    return `it is compressed by ${stored.compression}`;
  if (!isAgreement(proof.agreement)) return `its proof is by agreement ${proof.agreement}`;
  return proof.status === "proven" || proof.status === "unproven" ? undefined : `its proof is ${proof.status}`;
}

/** Throws `ref/later` for what only a later version can judge: this one must not say that it holds, nor that it does not. */
export function requireKnown(manifest: Manifest): void {
  const why = whyLater(manifest);
  if (why === undefined) return;
  throw new LifeboatError(
    "ref/later",
    `${manifest.cluster}/${manifest.id} is of a later version of lifeboat: ${why}, which this one does not know`,
    {
      hint: "use the version that wrote it, or a newer one",
    },
  );
}
