import { isBelieved } from "../facts.ts";
import type { ClusterFacts, DataFact } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { aboutSnapshots } from "../about-many.ts";

/** Whether the data of every snapshot is there, of the right size; and of the newest good one by the store's own checksum. */
export function judgeData({
  cluster,
  snapshots,
  newestGood,
}: Pick<ClusterFacts, "cluster" | "snapshots" | "newestGood">): readonly Finding[] {
  const idsIn = (state: DataFact["state"]): readonly string[] =>
    snapshots.known
      ? snapshots.value.filter((each) => isBelieved(each) && each.data.known && each.data.value.state === state).map(({ id }) => id)
      : [];
  const newest = newestGood.known ? newestGood.value : undefined;
  return [
    ...aboutSnapshots("data/missing", cluster, idsIn("missing"), {
      message: (count) => `the data of ${count} is not there`,
      fix: (ref) => `${DAMAGED}; lifeboat verify ${ref} says what a replica has`,
    }),
    ...aboutSnapshots("data/size", cluster, idsIn("wrong-size"), {
      message: (count) => `the data of ${count} is of another size than the manifest says`,
      fix: (ref) => `${DAMAGED}; lifeboat verify ${ref} says what a replica has`,
    }),
    ...(newest?.checksum.known === true && !newest.checksum.value
      ? [
          found("data/checksum", {
            cluster,
            subject: `${cluster}/${newest.id}`,
            message: "the store's own checksum of its data is another than the manifest's",
            fix: `${DAMAGED}; lifeboat verify ${cluster}/${newest.id} --deep reads it whole`,
          }),
        ]
      : []),
  ];
}

const DAMAGED = "find out who can write to the store and delete from it";
