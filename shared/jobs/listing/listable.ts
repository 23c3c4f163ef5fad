import { backupAccess, secretsIn, verifierAccess } from "../../config/etcd-access.ts";
import type { SecretSetting } from "../../config/etcd-access.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { cloudReference } from "../../config/secrets.ts";

/** What a listed cluster may ask of a service that is deployed already, and that other clusters share. Pure. */

/** A sentence for each setting that the service `service` could not follow; empty where it can back the cluster up. */
export function problemsOf(name: string, cluster: ClusterConfig, service: string): readonly string[] {
  const secrets = [...secretsIn(backupAccess(name, cluster)), ...secretsIn(verifierAccess(name, cluster))];
  return [...new Set(secrets.flatMap((secret) => problemOf(secret, name, service)))];
}

function problemOf({ setting, reference }: SecretSetting, name: string, service: string): readonly string[] {
  const kept = cloudReference(reference);
  // A certificate of an authority is in the list itself by now.
  if (reference.startsWith("pem:")) return [];
  if (kept === undefined)
    return [
      `${setting} is ${reference}, which only this machine can read: put it into Secrets Manager as ${service}/${name}/... and name it secretsmanager:${service}/${name}/...`,
    ];
  const place = kept.service === "ssm" ? `/${service}/${name}/` : `${service}/${name}/`;
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
