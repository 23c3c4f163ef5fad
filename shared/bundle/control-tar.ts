import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { digestOf } from "../documents/signed-document.ts";
import { renderKeyValues } from "./key-values.ts";
import { planValues, recipientValues } from "./plan.ts";
import type { Plan, Recipient } from "./plan.ts";
import { writeTar } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

/** What a control tar holds, and in which order: docs/format.md, "Restore bundles". */

export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What all control tars of one run have in common. */
export interface BundleContent {
  readonly plan: Plan;
  /** The manifest as it is stored. */
  readonly manifest: Uint8Array;
  /** restore.sh, member.sh, and their library. */
  readonly script: Uint8Array;
  readonly memberScript: Uint8Array;
  readonly library: readonly NamedFile[];
  /** Static programs, executable: age, etcdctl, etcdutl, unzstd. */
  readonly programs: readonly NamedFile[];
  readonly licences: Uint8Array;
}

/** A node's own files, for the node alone. */
export interface SealedNodeFiles {
  /** When they were collected, in the form of an id. */
  readonly time: string;
  /** An age file for the recipient. */
  readonly bytes: Uint8Array;
}

export interface ControlTar {
  /** Its bytes, in pieces. */
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  /** `sha256:...` of them. */
  readonly digest: string;
}

const FOLDER = "bundle";
const [PLAIN, EXECUTABLE, PRIVATE] = [0o644, 0o755, 0o600];

/** The names that a reader looks for. */
export const ENTRY = {
  plan: `${FOLDER}/plan`,
  recipient: `${FOLDER}/recipient`,
  manifest: `${FOLDER}/manifest.json`,
  identity: `${FOLDER}/identity.age`,
  nextSteps: `${FOLDER}/NEXT-STEPS.txt`,
  script: `${FOLDER}/restore.sh`,
  memberScript: `${FOLDER}/member.sh`,
  licences: `${FOLDER}/LICENSES.txt`,
  sums: `${FOLDER}/SHA256SUMS`,
} as const;
/** Where there is a set of node files for the recipient. */
export const NODE_FILES = `${FOLDER}/node-files.age`;
const LIBRARY = `${FOLDER}/lib/`;
const PROGRAMS = `${FOLDER}/bin/`;

/** The plan's bytes, which every recipient gets, and their digest. */
export function planFile(plan: Plan): { readonly bytes: Uint8Array; readonly digest: string } {
  const bytes = renderKeyValues(planValues(plan));
  return { bytes, digest: digestOf(bytes) };
}

/** The control tar for one recipient. `identity` is an age file for it. The same arguments give the same bytes. */
export function composeControlTar(
  content: BundleContent,
  recipient: Recipient,
  identity: Uint8Array,
  nextSteps: string,
  nodeFiles?: SealedNodeFiles,
): ControlTar {
  const { plan, manifest, script, memberScript, library, programs, licences } = content;
  const { bytes: planBytes, digest: planDigest } = planFile(plan);
  const entries: readonly TarEntry[] = [
    { name: ENTRY.plan, mode: PLAIN, bytes: planBytes },
    { name: ENTRY.recipient, mode: PLAIN, bytes: renderKeyValues(recipientValues(recipient, planDigest, nodeFiles?.time)) },
    { name: ENTRY.manifest, mode: PLAIN, bytes: manifest },
    { name: ENTRY.identity, mode: PRIVATE, bytes: identity },
    ...(nodeFiles === undefined ? [] : [{ name: NODE_FILES, mode: PRIVATE, bytes: nodeFiles.bytes }]),
    { name: ENTRY.nextSteps, mode: PLAIN, bytes: Buffer.from(nextSteps) },
    { name: ENTRY.script, mode: EXECUTABLE, bytes: script },
    { name: ENTRY.memberScript, mode: EXECUTABLE, bytes: memberScript },
    ...inOrder(library).map(({ name, bytes }) => ({ name: `${LIBRARY}${name}`, mode: PLAIN, bytes })),
    ...inOrder(programs).map(({ name, bytes }) => ({ name: `${PROGRAMS}${name}`, mode: EXECUTABLE, bytes })),
    { name: ENTRY.licences, mode: PLAIN, bytes: licences },
  ];
  const sums = { name: ENTRY.sums, mode: PLAIN, bytes: sumsOf(entries) };
  const pieces = writeTar([...entries, sums], Math.floor(plan.createdAt.getTime() / 1000));
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return { pieces, bytes: pieces.reduce((sum, { length }) => sum + length, 0), digest: `sha256:${hash.digest("hex")}` };
}

function inOrder(files: readonly NamedFile[]): readonly NamedFile[] {
  return files.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** As `sha256sum -c` reads them, in the folder that the tar makes. */
function sumsOf(entries: readonly TarEntry[]): Uint8Array {
  return Buffer.from(
    entries.map(({ name, bytes }) => `${createHash("sha256").update(bytes).digest("hex")}  ${name.slice(FOLDER.length + 1)}\n`).join(""),
  );
}

/** Every file by its name, once names, order, modes and digests are as `composeControlTar` makes them. Throws `verify/format` for anything else. */
export function filesOf(entries: readonly TarEntry[], what: string): ReadonlyMap<string, Uint8Array> {
  const refused = (why: string): LifeboatError => new LifeboatError("verify/format", `${what} is no control tar: ${why}`);
  const files = new Map(entries.map(({ name, bytes }) => [name, bytes]));
  const { memberScript, ...required } = ENTRY;
  for (const name of Object.values(required)) if (!files.has(name)) throw refused(`it has no ${name}`);
  const names = entries.map(({ name }) => name);
  const between = (folder: string): readonly string[] =>
    names.filter((name) => name.startsWith(folder) && !name.slice(folder.length).includes("/")).toSorted();
  const { plan, recipient, manifest, identity, nextSteps, script, licences, sums } = required;
  // Tars of earlier versions have none.
  const scripts = files.has(memberScript) ? [script, memberScript] : [script];
  const nodeFiles = files.has(NODE_FILES) ? [NODE_FILES] : [];
  const expected = [
    plan,
    recipient,
    manifest,
    identity,
    ...nodeFiles,
    nextSteps,
    ...scripts,
    ...between(LIBRARY),
    ...between(PROGRAMS),
    licences,
    sums,
  ];
  if (names.join("\n") !== expected.join("\n")) throw refused("its files are not those of a bundle, in that order");
  for (const { name, mode } of entries) if (mode !== modeOf(name)) throw refused(`${name} has mode ${mode.toString(8)}`);
  const digests = sumsOf(entries.slice(0, -1));
  if (!Buffer.from(files.get(sums) ?? []).equals(digests)) throw refused(`${sums} does not fit the files`);
  return files;
}

function modeOf(name: string): number {
  if (name === ENTRY.identity || name === NODE_FILES) return PRIVATE;
  return name === ENTRY.script || name === ENTRY.memberScript || name.startsWith(PROGRAMS) ? EXECUTABLE : PLAIN;
}
