import { labelsOf } from "../shared/config/labels.ts";
import { readFleet } from "../shared/jobs/fleet.ts";
import type { FleetCluster } from "../shared/jobs/fleet.ts";
import { metricsText } from "../shared/jobs/metrics.ts";
import { TOOL } from "../shared/version.ts";
import { replaceOutput } from "../shared/wire/output.ts";
import type { Register } from "./command.ts";
import { printDone, printJson } from "./console.ts";
import { allClusters } from "./ls-fleet.ts";
import { addLabelOption, labelledClusters } from "./label-option.ts";
import type { LabelOptions } from "./label-option.ts";
import { requireCluster } from "./require-cluster.ts";
import { writeText } from "./write-text.ts";

interface Options extends LabelOptions {
  readonly out?: string;
}

/** `lifeboat metrics`. */
export const registerMetrics: Register = (program, run) => {
  const command = program
    .command("metrics")
    .summary("print metrics for Prometheus")
    .description(
      "Print what ls --fleet tells as metrics in Prometheus' text format, for node-exporter's textfile collector: the age and size of the newest good snapshot, how many snapshots there are and what they lack, lineages and drills. Reads metadata only. The exit code is 5 if the store cannot be read, and 6 if one cluster of several cannot; a backup that is too old is for the alert rules.",
    )
    .argument("[cluster]", "only this cluster")
    .option("--out <file>", "write to this file, in one step, over what is there; readable for everybody")
    .addHelpText("after", "\nExample:\n  $ lifeboat metrics --out /var/lib/node_exporter/textfile/lifeboat.prom");
  addLabelOption(command).action((cluster: string | undefined, { out, ...options }: Options) =>
    run(async (session) => {
      const { console } = session;
      const named = cluster === undefined ? undefined : [cluster];
      const labelled = await labelledClusters(session, options, named);
      const ports = await session.openToRead();
      await requireCluster(session, ports.blobs, cluster);
      const clusters = named ?? labelled ?? (await allClusters(session, ports));
      const { config } = await session.loadConfig();
      const at = console.clock.now();
      const fleet: FleetCluster[] = [];
      for await (const each of readFleet(ports, clusters)) fleet.push(each);
      const tookMs = console.clock.now().getTime() - at.getTime();
      const text = [...metricsText(fleet, { version: TOOL.version, at, tookMs, labelsOf: (name) => labelsOf(config, name) })];
      if (out !== undefined) await replaceOutput(session.resolvePath(out), text.join(""));
      const unreadable = fleet.filter(({ stored }) => stored === undefined).map(({ cluster: name }) => name);
      if (session.json)
        printJson(console, "metrics", {
          clusters: fleet.length,
          unreadable,
          file: out ?? null,
          text: out === undefined ? text.join("") : null,
        });
      else if (out === undefined) await writeText(console, linesOf(text));
      else printDone(console, `wrote the metrics of ${fleet.length} clusters to ${out}`);
      return unreadable.length > 0 ? 6 : 0;
    }),
  );
};

async function* linesOf(texts: readonly string[]): AsyncGenerator<string, void, undefined> {
  yield* texts;
}
