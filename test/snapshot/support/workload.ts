import { randomBytes, randomInt } from "node:crypto";
import { openClient } from "../../../tools/lab/connection.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";

/** Puts, deletes, transactions, leases, large values and compactions, at random: the revisions it left and the one it last compacted to. */
export async function work(cluster: EtcdCluster, rounds: number): Promise<{ readonly last: number; readonly compacted: number }> {
  const client = openClient(cluster.connection);
  const key = (): string => `/registry/pods/default/pod-${randomInt(60)}`;
  const value = (): Buffer => randomBytes(randomInt(1, randomInt(2, 6000)));
  let last = 1;
  let compacted = 0;
  try {
    const lease = client.lease(3600);
    for (let round = 0; round < rounds; round++) {
      const choice = randomInt(100);
      if (choice < 60) last = Number((await client.put(key()).value(value()).exec()).header.revision);
      else if (choice < 75) last = Number((await client.delete().key(key()).exec()).header.revision);
      else if (choice < 80)
        last = Number(
          (
            await client
              .delete()
              .prefix(`/registry/pods/default/pod-${randomInt(6)}`)
              .exec()
          ).header.revision,
        );
      else if (choice < 88) {
        const changes = [client.put("/registry/a").value(value()), client.put("/registry/b").value(value()), client.delete().key(key())];
        const answer = await client
          .if("none", "Create", "==", 0)
          .then(...changes)
          .commit();
        last = Number(answer.header.revision);
      } else if (choice < 92) last = Number((await lease.put(key()).value(value()).exec()).header.revision);
      else if (choice < 96) {
        const encrypted = Buffer.concat([Buffer.from(`k8s:enc:aescbc:v1:key${randomInt(3)}:`), value()]);
        last = Number(
          (
            await client
              .put(`/registry/secrets/s${randomInt(9)}`)
              .value(encrypted)
              .exec()
          ).header.revision,
        );
      } else if (choice < 98) {
        // Under etcd's limit of 1.5 MiB for a request.
        last = Number(
          (
            await client
              .put(`/registry/big/${randomInt(3)}`)
              .value(randomBytes(1_400_000))
              .exec()
          ).header.revision,
        );
      } else if (last > compacted + 1) {
        compacted = randomInt(compacted + 1, last + 1);
        await cluster.etcdctl(["compact", String(compacted)]);
      }
    }
    return { last, compacted };
  } finally {
    client.close();
  }
}
