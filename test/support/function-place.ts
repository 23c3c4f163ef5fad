import { vi } from "vitest";
import { ENVIRONMENT } from "../../shared/contract/service.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { newPlace } from "./place.ts";
import type { Place } from "./place.ts";

/** A place whose store is `bucket` of the gateway, and an environment in which handlers in this process find it, as functions of the service `etcd`. */
export async function functionPlace(cluster: EtcdCluster, folder: string, gateway: VersityGateway, bucket: string): Promise<Place> {
  const place = await newPlace(cluster, folder, "function");
  Object.assign(place.options.env ?? {}, gateway.environment);
  const store = `store: { kind: s3, bucket: ${bucket}, region: ${gateway.region}, endpoint: "${gateway.endpoint}", pathStyle: true }\n`;
  await place.edit("lifeboat.yaml", (text) => text.replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store));
  for (const [name, value] of Object.entries(place.options.env ?? {})) vi.stubEnv(name, value);
  vi.stubEnv(ENVIRONMENT.config, place.path("lifeboat.yaml"));
  vi.stubEnv(ENVIRONMENT.service, "etcd");
  vi.stubEnv("TMPDIR", folder);
  return place;
}
