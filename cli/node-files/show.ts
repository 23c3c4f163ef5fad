import type { Command } from "commander";
import type { FoundNodeFiles } from "../../shared/vault/node-files/sets.ts";
import type { Run } from "../command.ts";
import { print, printJson, widthOf } from "../console.ts";
import { describeReceipt } from "../describe.ts";
import { formatBytes, formatFields, formatTable, formatTime } from "../format.ts";
import { findSet, SET_HELP } from "./find-set.ts";
import { keysText, noteFaults, refOf, setJson, unbelievedJson } from "./set-fields.ts";

/** `lifeboat node-files show`. */
export function addShow(nodeFiles: Command, run: Run): void {
  nodeFiles
    .command("show")
    .summary("show what is in a set, and no content")
    .description(
      "Show one set of a node's files: each path with its size and mode, and what its EncryptionConfiguration calls its keys. All of it is from the signed document: nothing is decrypted, and no content is known.",
    )
    .argument("<set>", "which set")
    .addHelpText("after", `${SET_HELP}\n\nExample:\n  $ lifeboat node-files show prod/node-a`)
    .action((ref: string) =>
      run(async (session) => {
        const { console, json } = session;
        const vault = await session.openToRead();
        const { found, faults } = await findSet(vault, ref, vault.signal);
        const { document } = found;
        if (json)
          printJson(console, "node-files", {
            ...setJson(found),
            addedAt: document.addedAt,
            intake: document.intake,
            dataKey: document.data.key,
            tar: { bytes: document.tar.bytes, entries: document.tar.entries },
            files: document.files.map(({ path, bytes, mode }) => ({ path, bytes, mode })),
            encryptionKeys: document.encryptionKeys.map(({ kind, name }) => ({ kind, name })),
            inbox: document.inbox?.key ?? null,
            custody: document.custody ?? null,
            unbelieved: unbelievedJson(faults),
          });
        else print(console, `${describe(found)}\n\n${table(found, widthOf(console.stdout))}`);
        return noteFaults(console, faults);
      }),
    );
}

function describe({ document }: FoundNodeFiles): string {
  const { collectedAt, addedAt, inbox, data, tar, intake, custody } = document;
  return formatFields([
    ["set", refOf(document)],
    ["collected", `${formatTime(collectedAt)}, by the node's clock`],
    ["added", `${formatTime(addedAt)}${inbox === undefined ? "" : `, from ${inbox.key}`}`],
    ["size", `${formatBytes(data.bytes)}, ${formatBytes(tar.bytes)} unencrypted`],
    ["digest", data.digest],
    ["encrypted to", `intake ${intake}`],
    ["encryption keys", document.encryptionKeys.length === 0 ? "none is named" : keysText(document)],
    ["custody", describeReceipt(custody)],
  ]);
}

function table({ document: { files } }: FoundNodeFiles, width: number | undefined): string {
  return formatTable(
    ["MODE", "SIZE", "PATH"],
    files.map(({ mode, bytes, path }) => [mode, formatBytes(bytes), path]),
    { width },
  );
}
