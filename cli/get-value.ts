import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import type { Wanted } from "../shared/jobs/look/get.ts";
import { mayBeSecret } from "../shared/jobs/look/objects.ts";
import type { FoundObject } from "../shared/jobs/look/objects.ts";
import type { FoundValue } from "../shared/jobs/look/read-values.ts";
import type { DecodedObject, KubernetesObject, ObjectDecoder } from "../shared/kube/decoder.ts";
import { envelopeOf } from "../shared/kube/envelope.ts";
import { writeStream } from "../shared/wire/output.ts";
import type { Session } from "./command.ts";
import { note, printJson } from "./console.ts";
import type { Console } from "./console.ts";
import { printable } from "./format.ts";
import type { GetOptions } from "./get.ts";
import { keyOfHex } from "./key-option.ts";
import { openReader } from "./kube-reader.ts";
import { keyJson, onOneLine } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { withSnapshot } from "./with-snapshot.ts";

/** `lifeboat get` of one value. */
export async function getValue(session: Session, what: string, key: string | undefined, options: GetOptions): Promise<void> {
  const { console } = session;
  const wanted = wantedOf(key, options);
  // What is wrong with the file is told before the snapshot is read.
  const { encryptionConfig, from } = options;
  const decoder = encryptionConfig === undefined ? undefined : await openReader(session, { encryptionConfig, whats: [what], from });
  const progress = new ConsoleProgress(console);
  const words = (ref: string): readonly string[] => ["get", ref, ...(key === undefined ? ["--key-hex", wanted.words] : [key])];
  const { found, name } = await withSnapshot(session, { what, from, progress, words }, async (input, openIndex) => {
    const { getOne } = await import("../shared/jobs/look/get.ts");
    const index = options.index ? await openIndex?.() : undefined;
    return { found: await getOne(input, wanted, { progress, signal: console.signal }, index), name: input.name };
  }).finally(() => progress.close());
  if (found.by === "index") note(console, BY_INDEX);
  const hides = console.stdout.isTTY === true && options.reveal !== true;
  if (options.as === "raw" && !session.json) return printRaw(console, found, hides);
  const read = await readObject(session, found, options, decoder);
  if (session.json) return printJson(console, "get", await documentOf({ snapshot: name, by: found.by }, read, options, hides));
  if ("raw" in read) return printUnread(console, read, options, hides);
  const { object, warnings } = await prepared(read, options, hides);
  for (const warning of warnings) note(console, `warning: ${onOneLine(`${keyJson(found.key).key} ${warning}`)}`);
  const { toYaml } = await import("../shared/kube/yaml.ts");
  const text = options.as === "json" ? printable(`${JSON.stringify(object, undefined, 2)}\n`) : toYaml(object);
  await write(console, Buffer.from(text));
}

/** What a person is told of a value that an index named. */
export const BY_INDEX =
  "found by the index of the snapshot's verification: the value was checked, that it is the newest was not (--no-index does)";

function wantedOf(key: string | undefined, { keyHex }: GetOptions): Wanted {
  if (keyHex === undefined) return { words: key ?? "" };
  return { key: keyOfHex(keyHex), words: keyHex };
}

/** What is in the value. Without the program that decodes, a document and what is asked for as it is say why there is none. */
async function readObject(
  session: Session,
  found: FoundValue,
  { as }: GetOptions,
  decoder: ObjectDecoder | undefined,
): Promise<FoundObject> {
  // Of plain etcd, which needs nothing of Kubernetes.
  if (envelopeOf(found.value).form === "other") return { found, raw: "is no object of Kubernetes" };
  const { objectsIn } = await import("../shared/jobs/look/objects.ts");
  async function* once(): AsyncGenerator<FoundValue, void, undefined> {
    yield found;
  }
  try {
    const reader = decoder ?? (await openReader(session, { encryptionConfig: undefined, whats: [], from: undefined }));
    for await (const read of objectsIn(once(), reader, session.console.signal)) return read;
    throw new Error("the decoder gave no answer");
  } catch (error) {
    if (session.json && as === undefined && isLifeboatError(error, "decoder/missing"))
      return { found, raw: `is not decoded: ${error.message}` };
    throw error;
  }
}

type Document = Extract<JsonDocument<"get">, { readonly by: string }>;

interface Prepared {
  readonly object: KubernetesObject;
  readonly warnings: readonly string[];
  readonly isRedacted: boolean;
}

async function prepared({ object: stored, warning }: DecodedObject, options: GetOptions, hides: boolean): Promise<Prepared> {
  const [{ clean }, { isSecret, redact }] = await Promise.all([import("../shared/kube/clean.ts"), import("../shared/kube/redact.ts")]);
  const { object, warnings } = options.clean === true ? clean(stored) : { object: stored, warnings: [] };
  const isRedacted = hides && isSecret(object);
  return {
    object: isRedacted ? redact(object) : object,
    warnings: warning === undefined ? warnings : [warning, ...warnings],
    isRedacted,
  };
}

async function documentOf(
  how: Pick<Document, "snapshot" | "by">,
  read: FoundObject,
  options: GetOptions,
  hides: boolean,
): Promise<Document> {
  const { key, value, revision } = read.found;
  const shown = "raw" in read ? undefined : await prepared(read, options, hides);
  const isHidden = shown?.isRedacted ?? (hides && mayBeSecret(read.found));
  return {
    ...how,
    ...keyJson(key),
    modRevision: revision,
    value: isHidden ? null : Buffer.from(value).toString("base64"),
    object: shown?.object ?? null,
    notRead: "raw" in read ? read.raw : null,
    redacted: isHidden,
    warnings: [...(shown?.warnings ?? [])],
  };
}

/** A value that no object was read from: an error where an object was asked for, else its bytes. */
async function printUnread(
  console: Console,
  { found, raw }: FoundObject & { readonly raw: string },
  { as, clean }: GetOptions,
  hides: boolean,
): Promise<void> {
  const { key } = keyJson(found.key);
  if (as !== undefined || clean === true)
    throw new LifeboatError("input/unusable", `${onOneLine(key)} ${raw}`, { hint: "--as raw prints the value as it is stored" });
  if (envelopeOf(found.value).form !== "other") note(console, `warning: ${onOneLine(`${key} ${raw}`)}; this is the value as it is stored`);
  await printRaw(console, found, hides);
}

/** Exactly the bytes; on a terminal as text in which control characters are shown. */
async function printRaw(console: Console, found: FoundValue, hides: boolean): Promise<void> {
  if (console.stdout.isTTY !== true) return write(console, found.value);
  if (hides && mayBeSecret(found))
    throw new LifeboatError("usage", "standard output is a terminal, and the value is a Secret", {
      hint: "redirect it into a file or program, or show it with --reveal",
    });
  await write(console, Buffer.from(`${printable(terminalText(found.value))}\n`));
}

function terminalText(value: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch (error) {
    throw new LifeboatError("usage", `standard output is a terminal, and the value is no text but ${value.length} bytes`, {
      hint: "redirect it into a file or program; --json prints it in Base64",
      cause: error,
    });
  }
}

async function write(console: Console, bytes: Uint8Array): Promise<void> {
  async function* once(): AsyncGenerator<Uint8Array, void, undefined> {
    yield bytes;
  }
  await writeStream(console.stdout, once(), { name: "standard output", signal: console.signal });
}
