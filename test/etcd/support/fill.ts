import { randomBytes } from "node:crypto";

import { openClient } from "../../../tools/lab/connection.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";

/** Puts `megabytes` values of 1 MB, far more than the windows and socket buffers on the way hold. */
export async function fill(cluster: EtcdCluster, megabytes: number): Promise<void> {
  const client = openClient(cluster.connection);
  try {
    for (let index = 0; index < megabytes; index += 1) {
      await client.put(`/registry/big/${index}`).value(randomBytes(1_000_000)).exec();
    }
  } finally {
    client.close();
  }
}
