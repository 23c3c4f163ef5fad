import { parseArgs } from "node:util";
import { demonstrate } from "./demonstrate.ts";
import { ownCluster, sampleCluster } from "./clusters.ts";
import { say } from "./say.ts";

/**
 * `npm run demo`: the whole way from a running etcd to a restored one, each command as a person types it. `npm run demo -- --endpoint URL ...` takes the way with the
 * person's own cluster, which is only read.
 */
const { values } = parseArgs({
  options: {
    endpoint: { type: "string", multiple: true },
    cacert: { type: "string" },
    cert: { type: "string" },
    key: { type: "string" },
    user: { type: "string" },
    help: { type: "boolean" },
  },
});

if (values.help === true) {
  say("npm run demo                                  with a cluster of its own, started and filled for it");
  say("npm run demo -- --endpoint URL ...            with your cluster, which is only read;");
  say("    [--cacert F] [--cert F --key F] [--user NAME, with the password in ETCD_PASSWORD]");
} else {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("stopped by Ctrl-C; what the demo started ends with it")));
  const cluster = values.endpoint === undefined ? await sampleCluster() : await ownCluster({ ...values, endpoint: values.endpoint });
  try {
    process.exitCode = (await demonstrate(cluster, stop.signal)) ? 0 : 1;
  } catch (error) {
    say(`demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = stop.signal.aborted ? 130 : 1;
  } finally {
    await cluster.stop();
  }
}
