import type { Etcd3 } from "etcd3";
import { openClient } from "./connection.ts";
import type { Connection } from "./connection.ts";
import { configMap, customResource, event, lease, namespace, pod, secret } from "./kubernetes/objects.ts";
import type { Place, StoredObject } from "./kubernetes/objects.ts";
import { SeededRandom } from "./kubernetes/random.ts";

export interface FillOptions {
  /** Of keys and values that are live in the end. */
  readonly megabytes: number;
  /** The same seed gives the same keys and values, though not the same revisions. */
  readonly seed?: number;
}

export interface Filled {
  /** Live keys. */
  readonly keys: number;
  /** The cluster's revision afterwards: higher than `keys`, for objects were also changed and deleted. */
  readonly revision: number;
}

const NAMESPACES = ["default", "kube-system", "monitoring", "ingress", "shop", "shop-staging", "billing", "search"] as const;
// Puts in flight: etcd commits together what arrives together, and more than this gains nothing.
const PARALLEL = 200;

/** Fills a cluster with what a Kubernetes cluster keeps in its etcd. */
export async function fillWithKubernetesData(connection: Connection, options: FillOptions): Promise<Filled> {
  const client = openClient(connection);
  try {
    const { live, changed, deleted } = kubernetesData(options);
    // As the apiserver does: many events share a lease.
    const { ID: expiry } = await client.leaseClient.leaseGrant({ TTL: 3600 });
    const put = ({ key, value, expires }: StoredObject) =>
      client.kv.put({ key: Buffer.from(key), value, ...(expires && { lease: expiry }) });
    await inParallel([...live, ...deleted], put);
    await inParallel(changed, put);
    await inParallel(deleted, ({ key }) => client.kv.deleteRange({ key: Buffer.from(key) }));
    return { keys: live.length, revision: await revisionOf(client) };
  } finally {
    client.close();
  }
}

interface KubernetesData {
  /** In the state before `changed`. */
  readonly live: readonly StoredObject[];
  /** New values of some that are live. */
  readonly changed: readonly StoredObject[];
  readonly deleted: readonly StoredObject[];
}

/** What is to be written, without I/O. */
export function kubernetesData({ megabytes, seed = 1 }: FillOptions): KubernetesData {
  const random = new SeededRandom(seed);
  const live: StoredObject[] = NAMESPACES.map((name) => namespace(random, name));
  const changed: StoredObject[] = [];
  const deleted: StoredObject[] = [];
  const wanted = megabytes * 1e6;
  for (let bytes = 0, count = 0; bytes < wanted; count++) {
    const place: Place = { namespace: random.pick(NAMESPACES), name: `app-${count}-${random.suffix(5)}` };
    const objects = [pod(random, place), event(random, place), ...extras(random, place, count)];
    live.push(...objects);
    for (const { key, value } of objects) bytes += key.length + value.length;
    if (count % 5 === 0) changed.push(pod(random, place));
    if (count % 4 === 0) deleted.push(event(random, { ...place, name: `gone-${count}` }));
    if (count % 25 === 0) deleted.push(pod(random, { ...place, name: `gone-${count}` }));
  }
  return { live, changed, deleted };
}

function extras(random: SeededRandom, place: Place, count: number): readonly StoredObject[] {
  const objects: StoredObject[] = [];
  if (count % 2 === 0) objects.push(configMap(random, place));
  if (count % 3 === 0) objects.push(secret(random, place));
  if (count % 4 === 0) objects.push(customResource(random, place));
  if (count % 10 === 0) objects.push(lease(random, { namespace: "kube-node-lease", name: `node-${count / 10}` }));
  return objects;
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) await action(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}

async function revisionOf(client: Etcd3): Promise<number> {
  const { header } = await client.kv.range({ key: Buffer.from("/"), count_only: true });
  return Number(header.revision);
}
