import { LifeboatError } from "../errors.ts";
import type { LoadedConfig } from "./load.ts";
import type { ClusterConfig } from "./schema.ts";
import { namesHint } from "./settings.ts";

/** The named cluster of the configuration. Throws `config/not-found` for a name that is not there, with the nearest that is. */
export function findCluster({ config, file }: LoadedConfig, name: string): ClusterConfig {
  const cluster = Object.hasOwn(config.clusters, name) ? config.clusters[name] : undefined;
  if (cluster !== undefined) return cluster;
  const known = Object.keys(config.clusters);
  throw new LifeboatError("config/not-found", `${file} has no cluster ${name}`, {
    hint: namesHint(name, known) ?? `add it under clusters in ${file}`,
  });
}
