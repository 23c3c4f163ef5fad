import { AlarmAction, AlarmType } from "etcd3";

import { openClient } from "../../../tools/lab/connection.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";

/** As a member does that has reached its quota; no byte is written for it. */
export async function raiseNoSpace(cluster: EtcdCluster, memberId: string): Promise<void> {
  const client = openClient(cluster.connection);
  try {
    await client.maintenance.alarm({
      action: AlarmAction.Activate,
      memberID: BigInt(`0x${memberId}`).toString(),
      alarm: AlarmType.Nospace,
    });
  } finally {
    client.close();
  }
}
