import { backupAccess, secretsIn, verifierAccess } from "../../config/etcd-access.ts";
import type { SecretSetting } from "../../config/etcd-access.ts";
import { DEFAULT_NETWORK } from "../../config/fleet-schema.ts";
import type { ClusterConfig, Config } from "../../config/schema.ts";
import { cloudReference } from "../../config/secrets.ts";
import { fleetSecretPrefix } from "../../contract/service.ts";
import { MOST_CLUSTERS_IN_NETWORK } from "../../fleet/pace.ts";
import { formatBytes } from "../../format.ts";

/** What a listed cluster may ask of a service that is deployed already, and that other clusters share. Pure. */

type Service = Pick<Config["service"], "name" | "fleet">;

/** A sentence for each setting that the service could not follow; empty where it can back the cluster up. What the configuration does not say of a fleet (`service.fleet`) is not looked at. */
export function problemsOf(name: string, cluster: ClusterConfig, { name: service, fleet }: Service): readonly string[] {
  const secrets = [...secretsIn(backupAccess(name, cluster)), ...secretsIn(verifierAccess(name, cluster))];
  const problems = secrets.flatMap((secret) => problemOf(secret, name, service));
  if (fleet !== undefined) problems.push(...sizeProblems(name, cluster, fleet));
  return [...new Set(problems)];
}

function sizeProblems(name: string, { service }: ClusterConfig, fleet: NonNullable<Service["fleet"]>): readonly string[] {
  const { databaseSize, network } = service;
  return [
    ...(databaseSize <= fleet.databaseSize
      ? []
      : [
          `clusters.${name}.service.databaseSize is ${formatBytes(databaseSize)}, and the functions are made for ${formatBytes(fleet.databaseSize)}: raise service.fleet.databaseSize and deploy, or leave this cluster to a service of its own`,
        ]),
    ...(network === DEFAULT_NETWORK || Object.hasOwn(fleet.networks, network)
      ? []
      : [
          `clusters.${name}.service.network is ${network}, which service.fleet.networks does not have: there ${networkWords(Object.keys(fleet.networks))}`,
        ]),
  ];
}

function networkWords(names: readonly string[]): string {
  return names.length === 0 ? `is ${DEFAULT_NETWORK} alone` : `are ${[DEFAULT_NETWORK, ...names].join(", ")}`;
}

/** A sentence for each network with more clusters than a round of it takes. */
export function crowdedNetworks(clusters: readonly Pick<ClusterConfig, "service">[]): readonly string[] {
  return [...Map.groupBy(clusters, ({ service }) => service.network)]
    .filter(([, members]) => members.length > MOST_CLUSTERS_IN_NETWORK)
    .map(
      ([network, members]) =>
        `network ${network} has ${members.length} clusters, and takes ${MOST_CLUSTERS_IN_NETWORK}: put some into another under service.fleet.networks`,
    );
}

function problemOf({ setting, reference }: SecretSetting, name: string, service: string): readonly string[] {
  const kept = cloudReference(reference);
  // A certificate of an authority is in the list itself by now.
  if (reference.startsWith("pem:")) return [];
  if (kept === undefined)
    return [
      `${setting} is ${reference}, which only this machine can read: put it into Secrets Manager as ${service}/${name}/... and name it secretsmanager:${service}/${name}/...`,
    ];
  const prefix = fleetSecretPrefix(service, name);
  const place = kept.service === "ssm" ? `/${prefix}` : prefix;
  return nameOf(kept).startsWith(place)
    ? []
    : [
        `${setting} is ${reference}, which the role of ${name} cannot read: it may read ${kept.service}:${place}... alone, so that no cluster reads another's secrets`,
      ];
}

/** Without what an ARN says before it. */
function nameOf({ service, name }: { readonly service: "secretsmanager" | "ssm"; readonly name: string }): string {
  const found = (service === "ssm" ? /^arn:[^:]*:ssm:[^:]*:\d*:parameter(\/.*)$/ : /^arn:[^:]*:secretsmanager:[^:]*:\d*:secret:(.*)$/).exec(
    name,
  );
  return found?.[1] ?? name;
}
