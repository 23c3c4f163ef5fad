import { LifeboatError } from "../errors.ts";
import type { LoadedConfig } from "./load.ts";
import type { ClusterConfig } from "./schema.ts";
import { suggestion } from "./settings.ts";

/** The named cluster of the configuration. Throws `config/not-found` for a name that is not there, with the nearest that is. */
export function findCluster({ config, file }: LoadedConfig, name: string): ClusterConfig {
  const cluster = Object.hasOwn(config.clusters, name) ? config.clusters[name] : undefined;
  if (cluster !== undefined) return cluster;
  const known = Object.keys(config.clusters);
  const near = suggestion(name, known);
  const hint =
    known.length === 0
      ? `add it under clusters in ${file}`
      : near === undefined
        ? `there are ${known.join(", ")}`
        : `did you mean ${near}?`;
  throw new LifeboatError("config/not-found", `${file} has no cluster ${name}`, { hint });
}
