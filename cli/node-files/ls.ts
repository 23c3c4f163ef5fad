import type { Command } from "commander";
import type { FoundNodeFiles, NodeFilesFault } from "../../shared/vault/node-files/sets.ts";
import { readNodeFiles } from "../../shared/vault/node-files/sets.ts";
import { listClusters } from "../../shared/vault/catalog.ts";
import type { Run } from "../command.ts";
import { note, print, printJson, widthOf } from "../console.ts";
import { formatBytes, formatTable, formatTime } from "../format.ts";
import { requireCluster } from "../require-cluster.ts";
import { keysText, noteFaults, setJson, unbelievedJson } from "./set-fields.ts";

/** `lifeboat node-files ls`. */
export function addLs(nodeFiles: Command, run: Run): void {
  nodeFiles
    .command("ls")
    .summary("list what is kept of each node")
    .description(
      "List the sets of node files that are stored, of each node the newest first. What still lies in the inbox is not listed: nobody has looked at it. The exit code is 6 if a set's document is not believed.",
    )
    .argument("[cluster]", "only this cluster's")
    .addHelpText("after", "\nExample:\n  $ lifeboat node-files ls prod")
    .action((cluster: string | undefined) =>
      run(async (session) => {
        const { console, json } = session;
        const vault = await session.openToRead();
        await requireCluster(session, vault.blobs, cluster);
        const sets: { readonly found: FoundNodeFiles; readonly newest: boolean }[] = [];
        const faults: NodeFilesFault[] = [];
        for (const name of cluster === undefined ? await listClusters(vault.blobs) : [cluster]) {
          const read = await readNodeFiles(vault, name, undefined, vault.signal);
          for (const of of read.byNode.values()) sets.push(...of.map((found, index) => ({ found, newest: index === 0 })));
          faults.push(...read.faults);
        }
        if (json)
          printJson(console, "node-files", {
            sets: sets.map(({ found, newest }) => ({
              ...setJson(found),
              addedAt: found.document.addedAt,
              files: found.document.files.length,
              intake: found.document.intake,
              encryptionKeys: found.document.encryptionKeys.map(({ kind, name }) => ({ kind, name })),
              newest,
            })),
            unbelieved: unbelievedJson(faults),
          });
        else if (sets.length === 0) note(console, "no node files are stored: lifeboat node-files recipient CLUSTER begins");
        else
          print(
            console,
            formatTable(
              HEAD,
              sets.map(({ found }) => row(found)),
              { width: widthOf(console.stdout), dispensable: ["INTAKE", "KEYS"] },
            ),
          );
        return noteFaults(console, faults);
      }),
    );
}

const HEAD = ["NODE", "COLLECTED", "FILES", "SIZE", "INTAKE", "KEYS"];

function row({ document }: FoundNodeFiles): readonly string[] {
  const { cluster, node, collectedAt, files, data, intake } = document;
  return [`${cluster}/${node}`, formatTime(collectedAt), String(files.length), formatBytes(data.bytes), String(intake), keysText(document)];
}
