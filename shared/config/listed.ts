import { isClusterName } from "../documents/layout.ts";
import { LifeboatError } from "../errors.ts";
import { FEW_TIMES } from "../zod-pace.ts";
import { issueWords } from "./issue-words.ts";
import type { LoadedConfig } from "./load.ts";
import { clusterSchema } from "./schema.ts";
import type { ClusterConfig } from "./schema.ts";

/** Clusters of the list in the store, as the configuration has its own. Pure. */

/** What the list has of a cluster: its settings as they were written. */
export type WrittenCluster = Readonly<Record<string, unknown>>;

/** The settings of a listed cluster, with the defaults of this version. Throws `config/invalid` naming each that is wrong; `list` is for messages. */
export function parseListed(name: string, written: WrittenCluster, list: string): ClusterConfig {
  const wrong = (problems: readonly string[]): LifeboatError =>
    new LifeboatError("config/invalid", problems.map((problem) => `${list}: cluster ${name}: ${problem}`).join("\n"), {
      hint: "a setting of a later version needs that version; else mend it in lifeboat.yaml and run lifeboat fleet apply",
    });
  if (!isClusterName(name)) throw wrong(["that is not a cluster's name"]);
  const parsed = clusterSchema.safeParse(written, { ...FEW_TIMES, error: issueWords });
  if (parsed.success) return parsed.data;
  throw wrong(parsed.error.issues.map(({ path, message }) => `${path.length === 0 ? "" : `${path.join(".")}: `}${message}`));
}

/** What a list in the store gives: FleetList of shared/vault/fleet-list.ts. */
interface Listing {
  readonly key: string;
  cluster(name: string): ClusterConfig | undefined;
}

/** The configuration with these clusters of the list, and none of its own. Throws `config/not-found` for one that the list does not have, `config/invalid`. */
export function withListed(loaded: LoadedConfig, list: Listing, names: readonly string[]): LoadedConfig {
  const clusters = Object.fromEntries(
    names.map((name) => {
      const cluster = list.cluster(name);
      if (cluster !== undefined) return [name, cluster];
      throw new LifeboatError("config/not-found", `${list.key} has no cluster ${name}`, {
        hint: "lifeboat fleet ls shows which there are; lifeboat fleet apply adds one",
      });
    }),
  );
  return { ...loaded, config: { ...loaded.config, clusters } };
}
