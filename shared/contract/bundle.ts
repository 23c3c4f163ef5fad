import { z } from "zod";
import { ARCHITECTURES, DISTRIBUTIONS } from "../bundle/plan.ts";
import { LAYOUTS } from "../bundle/members.ts";
import { UNENROLLED_POLICIES } from "../config/recipients-schema.ts";
import { bytes, count, digest, goodness, object, receipt, ref, text, time } from "./parts.ts";

/** The documents of `bundle` and `recipients`. */

const node = object({
  name: text.describe("of the member"),
  peerUrls: z.array(text).describe("for other members"),
  clientUrls: z.array(text).describe("for clients"),
  layout: z.enum(LAYOUTS).describe("how etcd runs there; `auto`: restore.sh finds out"),
  dataDir: text.nullable().describe("its data directory; null where restore.sh finds it"),
  service: text.nullable().describe("its systemd unit; null where restore.sh finds it"),
});

const nodes = z.array(node).describe("the members that a restore makes");
const url = text.nullable().describe("presigned; null where there is none");

export const bundleDocument = object({
  ref,
  manifestDigest: digest.describe("of the manifest as it is stored"),
  ...goodness,
  time: text.describe("when it was made, in the form of an id: the folder below `bundles/CLUSTER/ID/`"),
  expiresAt: time.describe("until when restore.sh applies the plan"),
  distribution: z.enum(DISTRIBUTIONS).describe("`--for`"),
  architecture: z.enum(ARCHITECTURES).describe("of the programs in it"),
  etcdVersion: text.describe("of the member that sent the snapshot"),
  planDigest: digest.describe("of the plan, which all members must agree on"),
  token: text.describe("the restored cluster's token"),
  bumpRevision: text.describe("how far revisions are bumped, a decimal number"),
  revisionAfter: text.describe("where the restored cluster's revisions begin, a decimal number"),
  nodes,
  bundleKey: digest.describe("the fingerprint of the key that signed, to be told by another way than the files"),
  folder: text.nullable().describe("absolute path of `--out`; null with `--publish` and `--renew`"),
  published: z.boolean().describe("whether it is in the store"),
  controls: z
    .array(
      object({
        recipient: text.describe("its name"),
        key: text.describe("its age recipient"),
        enrolled: z.boolean().describe("whether the configuration lists it"),
        file: text.describe("the control tar: its name in the folder, or its key in the store"),
        bytes: bytes.describe("of the tar"),
        digest: digest.describe("of the tar"),
        nodeFiles: text
          .nullable()
          .describe("when the node's own files in it were collected, in the form of an id; null where none are in it"),
        url,
        signatureUrl: url,
      }),
    )
    .describe("one for each recipient"),
  payload: object({
    file: text.describe("the name that it must have beside the control tar"),
    key: text.describe("in the store"),
    version: text.nullable().describe("its version in that store; null where that has none"),
    bytes: bytes.describe("its size"),
    sha256: digest.describe("of its bytes"),
    location: text.describe("the store that it is in"),
    included: z.boolean().describe("whether it was copied into the folder (`--with-payload`)"),
    url,
  }).describe("the snapshot's data object, as it is stored"),
  keyUrl: url.describe("of bundle.pub, presigned; null where there is none"),
  urlsUntil: time.nullable().describe("until when the URLs last; null where there are none"),
  urlsMayEndSooner: z.boolean().describe("whether a session signed them that does not say when it ends: they end with it"),
  programs: z
    .array(object({ name: text.describe("of the program"), version: text.describe("its version") }))
    .describe("in the tar; empty with `--renew`, which does not read them"),
  steps: z
    .array(object({ recipient: text.describe("whose"), lines: z.array(text).describe("to type there, in order; `#` explains") }))
    .describe("what to do on the nodes"),
  filesLeftOut: z.boolean().describe("whether a node's own files are stored and could not be given: a warning says why; exit code 6"),
  warnings: z.array(text).describe("what to know before a restore, a sentence each"),
  custody: receipt.describe("the record of it"),
}).meta({ title: "`bundle <ref>`" });

export const bundleNodesDocument = object({ ref, nodes }).meta({ title: "`bundle <ref> --print-nodes`" });

export const bundleInspectionDocument = object({
  folder: text.describe("absolute path"),
  holds: z.boolean().describe("whether nothing is wrong: `faults` is empty"),
  ref: ref.nullable().describe("the snapshot; null where no control tar could be read"),
  bundleKey: digest.describe("the key that signed"),
  planDigest: digest.nullable().describe("of the plan; null where no control tar could be read"),
  expiresAt: time.nullable().describe("until when restore.sh applies it; null where no control tar could be read"),
  controls: z
    .array(
      object({
        file: text.describe("its name in the folder"),
        recipient: text.nullable().describe("for whom it is; null where it could not be read"),
        nodeFiles: text
          .nullable()
          .describe(
            "when the node's own files in it were collected, in the form of an id; null where none are in it, or it could not be read",
          ),
        holds: z.boolean().describe("whether nothing is wrong with it"),
        faults: z
          .array(
            object({ code: text.describe("`signature`, `tar`, `plan`, `manifest` or `cluster`"), message: text.describe("a sentence") }),
          )
          .describe("what is wrong with it"),
      }),
    )
    .describe("one for each control tar"),
  payload: object({
    file: text.nullable().describe("its name; null where that is not known"),
    state: z.enum(["whole", "missing", "damaged", "unknown"]).describe("by its bytes"),
    message: text.nullable().describe("why, a sentence; null where it is whole"),
  }).describe("the data object"),
  faults: z.array(text).describe("what does not hold, a sentence each"),
  findings: z.array(text).describe("what holds and needs a person, a sentence each"),
  notes: z.array(text).describe("what is worth knowing, a sentence each"),
}).meta({ title: "`bundle --inspect`" });

const recipient = { name: text.describe("of a node or a person"), key: text.describe("its age recipient") };

export const recipientsDocument = object({
  recipients: z.array(object(recipient)).describe("who may get a bundle"),
  unenrolled: z.enum(UNENROLLED_POLICIES).describe("whether others may, with a reason: `desk.unenrolled`"),
  count: count.describe("how many there are"),
}).meta({ title: "`recipients ls`" });

export const recipientsAddDocument = object({
  ...recipient,
  line: text.describe("to put under `recipients:` in lifeboat.yaml"),
}).meta({ title: "`recipients add`" });
