import { howToAccept } from "../../documents/lineages.ts";
import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** Whether the lineage that the cluster is in waits for a person, or something stands in the place of one. */
export function judgeLineages({ cluster, lineages }: Pick<ClusterFacts, "cluster" | "lineages">): readonly Finding[] {
  if (!lineages.known) return [];
  const { attention, faults } = lineages.value;
  return [
    ...(attention === undefined
      ? []
      : [
          found("lineage/unaccepted", {
            cluster,
            subject: cluster,
            message: attention.message,
            evidence: [`since ${attention.since}`],
            fix: howToAccept(cluster, attention.number),
          }),
        ]),
    ...faults.map(({ key, message }) =>
      found("lineage/unbelieved", {
        cluster,
        subject: key,
        message,
        fix: "find out who put it there, and remove it; until then it is ignored",
      }),
    ),
  ];
}
