import type { Etcd3 } from "etcd3";
import { openClient } from "../../../tools/lab/connection.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";

/** Under etcd's limit of 1.5 MiB for a request. */
const LARGE_BYTES = 1_400_000;

export interface WorkOptions {
  readonly rounds: number;
  readonly random: SeededRandom;
  /** Values of 1.4 MB and of up to 6 KB; otherwise of up to 300 bytes. */
  readonly isLarge?: boolean;
}

export interface Work {
  /** The revision it left. */
  readonly last: number;
  /** The one it last compacted to; 0 where it did not. */
  readonly compacted: number;
  /** How often each kind of step was taken. */
  readonly steps: Readonly<Record<string, number>>;
}

interface Place {
  readonly client: Etcd3;
  readonly lease: ReturnType<Etcd3["lease"]>;
  readonly random: SeededRandom;
  readonly isLarge: boolean;
}

interface Answered {
  readonly header: { readonly revision: string };
}

interface Step {
  readonly name: string;
  /** How likely it is in a hundred. */
  readonly weight: number;
  readonly take: (place: Place) => Promise<Answered>;
}

const STEPS: readonly Step[] = [
  { name: "put", weight: 58, take: ({ client, random, isLarge }) => client.put(podOf(random)).value(valueOf(random, isLarge)).exec() },
  { name: "delete", weight: 15, take: ({ client, random }) => client.delete().key(podOf(random)).exec() },
  {
    name: "delete a range",
    weight: 5,
    take: ({ client, random }) =>
      client
        .delete()
        .prefix(`/registry/pods/default/pod-${random.below(6)}`)
        .exec(),
  },
  { name: "transaction", weight: 8, take: transaction },
  {
    name: "put with a lease",
    weight: 5,
    take: ({ lease, random, isLarge }) => lease.put(podOf(random)).value(valueOf(random, isLarge)).exec(),
  },
  { name: "put encrypted", weight: 4, take: encrypted },
  {
    name: "put a large value",
    weight: 2,
    take: ({ client, random, isLarge }) =>
      client
        .put(`/registry/big/${random.below(3)}`)
        .value(large(random, isLarge))
        .exec(),
  },
];
const COMPACTION_WEIGHT = 3;

/** Puts, deletes, transactions, leases, large values and compactions at random: the same for the same seed, but for what a member does by itself. */
export async function work(cluster: EtcdCluster, { rounds, random, isLarge = true }: WorkOptions): Promise<Work> {
  const client = openClient(cluster.connection);
  const steps: Record<string, number> = {};
  let last = 1;
  let compacted = 0;
  // Lets its keys live on when it is let go.
  const lease = client.lease(3600);
  try {
    for (let round = 0; round < rounds; round++) {
      let ticket = random.below(100);
      const taken = STEPS.find(({ weight }) => (ticket -= weight) < 0);
      if (taken !== undefined) {
        steps[taken.name] = (steps[taken.name] ?? 0) + 1;
        last = Number((await taken.take({ client, lease, random, isLarge })).header.revision);
      } else if (ticket < COMPACTION_WEIGHT && last > compacted + 1) {
        steps["compaction"] = (steps["compaction"] ?? 0) + 1;
        compacted = random.below(compacted + 1, last + 1);
        await cluster.etcdctl(["compact", String(compacted)]);
      }
    }
    return { last, compacted, steps };
  } finally {
    lease.release();
    client.close();
  }
}

function podOf(random: SeededRandom): string {
  return `/registry/pods/default/pod-${random.below(60)}`;
}

function valueOf(random: SeededRandom, isLarge: boolean): Buffer {
  return random.bytes(random.below(1, random.below(2, isLarge ? 6000 : 300)));
}

function large(random: SeededRandom, isLarge: boolean): Buffer {
  return isLarge ? Buffer.alloc(LARGE_BYTES, random.bytes(1021)) : random.bytes(5000);
}

function transaction({ client, random, isLarge }: Place): Promise<Answered> {
  const changes = [
    client.put("/registry/a").value(valueOf(random, isLarge)),
    client.put("/registry/b").value(valueOf(random, isLarge)),
    client.delete().key(podOf(random)),
  ];
  return client
    .if("none", "Create", "==", 0)
    .then(...changes)
    .commit();
}

function encrypted({ client, random, isLarge }: Place): Promise<Answered> {
  const value = Buffer.concat([Buffer.from(`k8s:enc:aescbc:v1:key${random.below(3)}:`), valueOf(random, isLarge)]);
  return client
    .put(`/registry/secrets/s${random.below(9)}`)
    .value(value)
    .exec();
}
