import type { JsonDocument } from "../shared/contract/documents.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { FoundOne, Wanted } from "../shared/jobs/look/get.ts";
import { writeStream } from "../shared/wire/output.ts";
import { REF_HELP } from "./command.ts";
import type { Register } from "./command.ts";
import { note, printJson } from "./console.ts";
import type { Console } from "./console.ts";
import { printable } from "./format.ts";
import { FROM_FLAG, FROM_HELP } from "./from-replica.ts";
import { keyJson } from "./look-rows.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { withSnapshot } from "./with-snapshot.ts";

interface GetOptions {
  readonly keyHex?: string;
  readonly from?: string;
  readonly index: boolean;
}

/** `lifeboat get`. */
export const registerGet: Register = (program, run) => {
  program
    .command("get")
    .summary("print one value out of a snapshot")
    .description(
      "Print the value that a key, or a Kubernetes object by its name, had when a snapshot was taken: exactly the bytes. Where the verification of a stored snapshot left an index of its keys, only the part that holds the value is read and checked, and a line says so; else the snapshot is read once from end to end and checked as lifeboat export checks it. Nothing is written to disk, and no etcd is started. A file needs no configuration. On a terminal control characters are shown, not sent.",
    )
    .argument("<ref|file>", "which snapshot")
    .argument("[key|resource/namespace/name]", "which value")
    .option("--key-hex <hex>", "the key, byte by byte in hexadecimal")
    .option("--no-index", "read the whole snapshot, which also proves that the value is the newest")
    .option(FROM_FLAG, FROM_HELP)
    .addHelpText(
      "after",
      `${REF_HELP}\nIf a file of that name exists, the file is read.\n\nExample:\n  $ lifeboat get prod/good app/config/one\n  $ lifeboat get prod/good secrets/shop/db > value`,
    )
    .action((what: string, key: string | undefined, options: GetOptions) =>
      run(async (session) => {
        const { console } = session;
        const wanted = wantedOf(key, options);
        const progress = new ConsoleProgress(console);
        const words = (ref: string): readonly string[] => ["get", ref, ...(key === undefined ? ["--key-hex", wanted.words] : [key])];
        const { found, name } = await withSnapshot(session, { what, from: options.from, progress, words }, async (input, openIndex) => {
          const { getOne } = await import("../shared/jobs/look/get.ts");
          const index = options.index ? await openIndex?.() : undefined;
          return { found: await getOne(input, wanted, { progress, signal: console.signal }, index), name: input.name };
        }).finally(() => progress.close());
        if (found.by === "index") note(console, BY_INDEX);
        if (session.json) printJson(console, "get", documentOf(name, found));
        else await printRaw(console, found.value);
        return 0;
      }),
    );
};

const BY_INDEX =
  "found by the index of the snapshot's verification: the value was checked, that it is the newest was not (--no-index does)";

function documentOf(snapshot: string, { key, value, revision, by }: FoundOne): JsonDocument<"get"> {
  return { snapshot, ...keyJson(key), modRevision: revision, by, value: Buffer.from(value).toString("base64") };
}

/** Exactly the bytes; on a terminal as text in which control characters are shown. */
async function printRaw(console: Console, value: Uint8Array): Promise<void> {
  const bytes = console.stdout.isTTY === true ? Buffer.from(`${printable(terminalText(value))}\n`) : value;
  async function* once(): AsyncGenerator<Uint8Array, void, undefined> {
    yield bytes;
  }
  await writeStream(console.stdout, once(), { name: "standard output", signal: console.signal });
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

function wantedOf(key: string | undefined, { keyHex }: GetOptions): Wanted {
  if ((key === undefined) === (keyHex === undefined))
    throw new LifeboatError("usage", "give a key, or --key-hex and its bytes", { hint: "lifeboat find REF lists what there is" });
  if (keyHex === undefined) return { words: key ?? "" };
  if (!/^([0-9a-f]{2})+$/i.test(keyHex))
    throw new LifeboatError("usage", `--key-hex ${keyHex} is not bytes in hexadecimal`, {
      hint: "two digits for each byte, such as 2f666f6f",
    });
  return { key: Buffer.from(keyHex, "hex"), words: keyHex };
}
