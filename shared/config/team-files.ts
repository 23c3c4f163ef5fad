import { dirname, isAbsolute, join, relative } from "node:path";
import { LifeboatError } from "../errors.ts";
import type { WrittenCluster } from "./listed.ts";
import { parseSettings } from "./parse-settings.ts";
import type { ParsedFile } from "./parse-settings.ts";
import { requiredReplicaProblems, teamSchema } from "./schema.ts";
import type { ClusterConfig, Config } from "./schema.ts";

/** The files that `fleet` of lifeboat.yaml names, one for each team: their clusters are as those of the file itself. */

/** A cluster as a file has it. */
export interface WrittenHere {
  readonly settings: WrittenCluster;
  /** What `file:` in it is relative to. */
  readonly directory: string;
}

export interface ClusterFile {
  /** As messages name it. */
  readonly file: string;
  readonly path: string;
  readonly text: string;
}

export interface Merged {
  readonly config: Config;
  readonly written: Readonly<Record<string, WrittenHere>>;
}

const HINT = "a file of fleet has version and clusters alone: what belongs to all clusters stands in lifeboat.yaml";

/** The configuration with the clusters of all files. `file:` in those is made relative to the configuration. Throws `config/invalid`, also for a cluster that is named twice. */
export function mergeFiles(base: ParsedFile<Config>, path: string, files: readonly ClusterFile[]): Merged {
  const directory = dirname(path);
  const teams = files.map(({ text, file, ...rest }) => ({ ...rest, ...parseSettings(teamSchema, text, file, HINT) }));
  const all = [{ path, ...base }, ...teams];
  const twice = Map.groupBy(
    all.flatMap(({ data, placeOf }) => Object.keys(data.clusters).map((name) => ({ name, place: placeOf(["clusters", name]) }))),
    ({ name }) => name,
  );
  const problems = [...twice].flatMap(([name, places]) =>
    places.length === 1 ? [] : [`cluster ${name} is named twice: ${places.map(({ place }) => place).join(" and ")}`],
  );
  problems.push(
    ...teams.flatMap(({ data, at }) =>
      requiredReplicaProblems({ clusters: data.clusters, replicas: base.data.replicas }).map((each) => `${at(each.path)}${each.message}`),
    ),
  );
  if (problems.length > 0)
    throw new LifeboatError("config/invalid", problems.join("\n"), {
      hint: "a cluster belongs to one file, and has the replicas of lifeboat.yaml",
    });
  const clusters = teams.flatMap(({ data, path: of }) => {
    const from = relative(directory, dirname(of));
    return Object.entries(data.clusters).map(([name, cluster]) => [name, from === "" ? cluster : rebased(cluster, from)] as const);
  });
  return {
    config: { ...base.data, clusters: { ...base.data.clusters, ...Object.fromEntries(clusters) } },
    written: Object.fromEntries(all.flatMap((each) => Object.entries(writtenIn(each)))),
  };
}

/** A parsed file's clusters, as they stand in it. */
function writtenIn({
  written,
  path,
  data,
}: {
  readonly written: object;
  readonly path: string;
  readonly data: Pick<Config, "clusters">;
}): Readonly<Record<string, WrittenHere>> {
  // The schema has looked at it: each of these is an object.
  const { clusters = {} } = written as { readonly clusters?: Readonly<Record<string, WrittenCluster>> };
  return Object.fromEntries(Object.keys(data.clusters).map((name) => [name, { settings: clusters[name] ?? {}, directory: dirname(path) }]));
}

/** With every `file:PATH` as seen from a folder below which `from` is the cluster's own. */
function rebased(cluster: ClusterConfig, from: string): ClusterConfig {
  const seen = (value: unknown): unknown => {
    if (typeof value === "string" && value.startsWith("file:")) {
      const path = value.slice("file:".length);
      return `file:${isAbsolute(path) ? path : join(from, path)}`;
    }
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, seen(each)]))
      : value;
  };
  const { tls, auth, verify } = cluster;
  return {
    ...cluster,
    ...(seen({ ...(tls && { tls }), ...(auth && { auth }), verify }) as Pick<ClusterConfig, "tls" | "auth" | "verify">),
  };
}
