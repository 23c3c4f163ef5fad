import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import type { LabMember } from "../../tools/lab/etcd-member.ts";
import { tcpProxy } from "../etcd/support/tcp-proxy.ts";
import type { ProxyFault } from "../etcd/support/tcp-proxy.ts";

/** Proxies in front of a cluster's voting members, in their order. */
export interface Proxied extends AsyncDisposable {
  readonly endpoints: readonly string[];
  /** The member whose way was struck first. */
  readonly struck: Promise<{ readonly member: LabMember; readonly endpoint: string }>;
  mend(): void;
}

export interface Strike extends Pick<ProxyFault, "cutAfter" | "stallAfter"> {
  /** `first`: the first member that sends so much, and no other. */
  readonly whom: "first" | "all";
}

/** A fault on the way to the members. Which is asked first is the command's choice, so it is not said beforehand who is struck. */
export async function proxied(cluster: EtcdCluster, { whom, ...fault }: Strike): Promise<Proxied> {
  const { promise: struck, resolve } = Promise.withResolvers<{ member: LabMember; endpoint: string }>();
  const members = cluster.members.filter(({ isLearner }) => !isLearner);
  const proxies = await Promise.all(
    members.map((member, index) =>
      tcpProxy(member.endpoint, {
        ...fault,
        onFault() {
          resolve({ member, endpoint: proxies[index]?.url ?? "" });
          if (whom === "first") for (const [other, proxy] of proxies.entries()) if (other !== index) proxy.mend();
        },
      }),
    ),
  );
  return {
    endpoints: proxies.map(({ url }) => url),
    struck,
    mend: () => {
      for (const proxy of proxies) proxy.mend();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    },
  };
}
