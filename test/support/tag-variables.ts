import { z } from "zod";

const VARIABLE = "${aws:PrincipalTag/cluster}";

const documentSchema = z.looseObject({
  Statement: z.array(z.looseObject({ Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional() })),
});

/**
 * A policy document for MiniStack, which judges the tag of a session and puts it into no place: each statement with the variable is written out for each of `clusters`, on the condition that the tag is that one. For these clusters it means the same.
 */
export function withTagsWrittenOut(document: unknown, clusters: readonly string[]): unknown {
  const { Statement, ...rest } = documentSchema.parse(document);
  return {
    ...rest,
    Statement: Statement.flatMap((statement) => {
      const text = JSON.stringify(statement);
      if (!text.includes(VARIABLE)) return [statement];
      return clusters.map((cluster) => {
        const { Condition = {}, ...named } = documentSchema.shape.Statement.element.parse(JSON.parse(text.replaceAll(VARIABLE, cluster)));
        const StringEquals = { ...Condition["StringEquals"], "aws:PrincipalTag/cluster": cluster };
        return { ...named, Condition: { ...Condition, StringEquals } };
      });
    }),
  };
}
