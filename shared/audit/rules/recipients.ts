import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** Whether each member of the newest good snapshot is enrolled for bundles under its name. */
export function judgeRecipients({
  cluster,
  newestGood,
  policy,
}: Pick<ClusterFacts, "cluster" | "newestGood" | "policy">): readonly Finding[] {
  if (policy === undefined || !newestGood.known || newestGood.value === undefined) return [];
  const { recipients } = policy;
  const lacking = newestGood.value.members.filter((name) => !recipients.includes(name.toLowerCase()));
  if (lacking.length === 0) return [];
  return [
    found("recipient/missing", {
      cluster,
      subject: cluster,
      message: `no recipient is enrolled for ${lacking.join(", ")}`,
      evidence: [`recipients has ${recipients.join(", ") || "nobody"}`],
      fix: `make a key on the node (age-keygen -o /etc/etcd-lifeboat/node.key); lifeboat recipients add ${lacking[0]} age1... prints the line for lifeboat.yaml`,
    }),
  ];
}
