import { readdir, readFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Architecture } from "../bundle/plan.ts";
import type { LoadedConfig } from "../config/load.ts";
import { parseNodes } from "../config/nodes-schema.ts";
import type { BundleMember } from "../bundle/members.ts";
import { LifeboatError, messageOf } from "../errors.ts";
import { InputFolder } from "../host/files/input-folder.ts";
import { removeUnfinished, unfinishedOutputs } from "../host/files/output-file.ts";
import { FolderDraft, requireNewFolder, writeFolder } from "../host/files/output-folder.ts";
import { filesOfBundle } from "../jobs/bundle/files.ts";
import type { BundleFolder, IdentityOpener } from "../jobs/bundle/inspect.ts";
import type { BundleOutput, BundleParts, MakeBundlePorts } from "../jobs/bundle/make.ts";
import { addressNodeFiles } from "../store/intake-keys.ts";
import { decryptSmall, recipientOf } from "../seal/age.ts";
import { checkRecipients } from "../seal/age-recipients.ts";
import { ObjectDigest, readObject } from "../store/stored-object.ts";
import { payloadFile } from "../bundle/plan.ts";
import type { Ports, Surroundings } from "./ports.ts";
import { findBundlePrograms } from "./programs.ts";
import { openReplicaKeys } from "./stores.ts";

/** The part of the composition root that makes and reads restore bundles. */

/** What of a bundle this machine gives. `scripts` is a folder with restore.sh, member.sh and lib/, where it is not the package's own. */
export async function bundleParts(loaded: LoadedConfig, surroundings: Surroundings, scripts: string = OWN_SCRIPTS): Promise<BundleParts> {
  const programs = await findBundlePrograms(loaded, surroundings);
  return {
    programs: (architecture, minor, signal) => programs.programsFor(architecture, minor, signal),
    scripts: async () => {
      const names = (await readdir(join(scripts, "lib"))).filter((name) => name.endsWith(".sh")).toSorted();
      const library = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(scripts, "lib", name)) })));
      return { script: await readFile(join(scripts, "restore.sh")), memberScript: await readFile(join(scripts, "member.sh")), library };
    },
  };
}

/** Opens intakes by the store's keys, those of replicas among them; with `from`, by that replica's first. */
export async function filesAddresser(
  { config }: LoadedConfig,
  surroundings: Surroundings,
  { keys }: Pick<Ports, "keys">,
  from?: string,
): Promise<NonNullable<MakeBundlePorts["addressFiles"]>> {
  const storeKeys = { keys, ...(await openReplicaKeys(config, from, surroundings)) };
  return (set, intake, recipient, signal) => addressNodeFiles(set, intake, storeKeys, recipient, signal);
}

/** In a checkout and in an installed package alike: from shared/wire/, and from dist/cli/ into which this is bundled. */
const OWN_SCRIPTS = fileURLToPath(new URL("../../node", import.meta.url));

/** This machine's, where nobody says what the nodes have. */
export function ownArchitecture(): Architecture {
  return arch() === "arm64" ? "arm64" : "amd64";
}

/** Writes a bundle into a new folder, with the payload beside it where `withPayload`, and always where it is sealed for the bundle. */
export function folderOutput(
  path: string,
  { blobs }: Pick<Ports, "blobs">,
  withPayload: boolean,
  note: (text: string) => void,
  now: Date,
): BundleOutput {
  let begun: FolderDraft | undefined;
  return {
    published: false,
    takePayload: async (name, bytes, signal, advance) => {
      begun = await FolderDraft.begin(path);
      const digest = new ObjectDigest("no crc");
      await begun.add({ name, bytes: digest.through(bytes) }, signal, advance);
      return digest.finish();
    },
    discard: async () => begun?.[Symbol.asyncDispose](),
    prepare: async () => {
      await requireNewFolder(path);
      for (const left of await unfinishedOutputs(path, now, "folder"))
        if (left.isDead === true && (await removeUnfinished(left))) note(`removed ${left.path}, left by a killed lifeboat bundle`);
    },
    write: async (files, payload, signal, advance) => {
      if (begun !== undefined) {
        for (const file of filesOfBundle(files)) await begun.add(file, signal, advance);
        return begun.finish();
      }
      const data = withPayload ? [{ name: payloadFile(payload), bytes: readObject(blobs, payload, signal) }] : [];
      return writeFolder(path, [...data, ...filesOfBundle(files)], signal, advance);
    },
  };
}

export function bundleFolder(path: string, name: string): BundleFolder {
  return new InputFolder(path, name);
}

/** The file that `--nodes` names. Throws `input/not-found`, `config/invalid`. */
export async function readNodes(path: string, name: string): Promise<readonly BundleMember[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new LifeboatError("input/not-found", `cannot read the nodes file ${name}: ${messageOf(error)}`, {
      hint: "lifeboat bundle REF --print-nodes prints the members of a snapshot as such a file",
      cause: error,
    });
  });
  return parseNodes(text, name);
}

/** Throws `config/invalid` for what no age file can be encrypted to. */
export function requireRecipient(key: string): void {
  checkRecipients([key]);
}

/** For `--inspect --identity`. */
export async function identityOpener(identities: readonly string[]): Promise<IdentityOpener> {
  return {
    recipients: await Promise.all(identities.map((each) => recipientOf(each))),
    open: async (file) => Buffer.from(await decryptSmall(identities, file)).toString("utf8"),
    recipientOf,
  };
}
