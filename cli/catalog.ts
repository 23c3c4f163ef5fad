import { catalogue } from "../shared/jobs/catalog.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { listClusters } from "../shared/vault/catalog.ts";
import type { CatalogState } from "../shared/vault/segments/write.ts";
import type { Register } from "./command.ts";
import { note, print, printJson, widthOf } from "./console.ts";
import { formatTable, printable } from "./format.ts";
import { ConsoleProgress } from "./progress-bar.ts";
import { requireCluster } from "./require-cluster.ts";

/** `lifeboat catalog`. */
export const registerCatalog: Register = (program, run) => {
  program
    .command("catalog")
    .summary("write what listings read in place of many documents")
    .description(
      "Write segments of the catalog: signed lists of the countersigned snapshots, which ls and metrics read in place of each manifest. verify --deep writes one where 16 or more snapshots are in none; this command does so for all that are in none, of one cluster or of all. It needs the audit key. The exit code is 6 if a segment is not believed.",
    )
    .argument("[cluster]", "only this cluster")
    .addHelpText("after", "\nExample:\n  $ lifeboat catalog prod")
    .action((cluster: string | undefined) =>
      run(async (session) => {
        const { console } = session;
        const ports = await session.openPorts();
        await requireCluster(session, ports.blobs, cluster);
        const clusters = cluster === undefined ? await listClusters(readUntil(ports.blobs, console.signal)) : [cluster];
        const progress = new ConsoleProgress(console);
        const states: (CatalogState & { readonly cluster: string })[] = [];
        try {
          for (const each of clusters) states.push({ cluster: each, ...(await catalogue({ ...ports, progress }, each, console.signal)) });
        } finally {
          progress.close();
        }
        if (session.json)
          printJson(console, "catalog", {
            clusters: states.map(({ bad, ...state }) => ({
              ...state,
              bad: bad.map(({ key, error: { code, message } }) => ({ key, code, message })),
            })),
          });
        else if (states.length === 0) print(console, `there are no snapshots in ${ports.blobs.location}`);
        else print(console, formatTable(HEAD, states.map(toRow), { width: widthOf(console.stdout) }));
        const bad = states.flatMap((state) => state.bad);
        for (const { key, error } of bad) note(console, `warning: ${key}: ${printable(error.message)}`);
        return bad.length > 0 ? 6 : 0;
      }),
    );
};

const HEAD = ["CLUSTER", "WRITTEN", "SEGMENTS", "SNAPSHOTS IN THEM", "NOT IN ANY"];

function toRow({ cluster, written, segments, rows, unsegmented }: CatalogState & { readonly cluster: string }): string[] {
  return [cluster, ...[written.length, segments, rows, unsegmented].map(String)];
}
