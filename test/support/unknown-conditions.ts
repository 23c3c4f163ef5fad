import { z } from "zod";

/** Conditions of which MiniStack does not know whether a call meets them: it denies what is allowed under them. */
const UNKNOWN_CONDITIONS = new Set(["kms:EncryptionContext:cluster", "kms:ViaService"]);

const documentSchema = z.looseObject({
  Statement: z.array(z.looseObject({ Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional() })),
});

/** A policy document without them; their keys are added to `leftOut`, so that a test can say which it did without. */
export function withoutUnknownConditions(document: unknown, leftOut: Set<string>): unknown {
  const { Statement, ...rest } = documentSchema.parse(document);
  return {
    ...rest,
    Statement: Statement.map(({ Condition, ...statement }) => {
      if (Condition === undefined) return statement;
      const judged = Object.entries(Condition).flatMap(([operator, keys]) => {
        const left = Object.entries(keys).filter(([key]) => !UNKNOWN_CONDITIONS.has(key));
        for (const key of Object.keys(keys)) if (UNKNOWN_CONDITIONS.has(key)) leftOut.add(key);
        return left.length === 0 ? [] : [[operator, Object.fromEntries(left)] as const];
      });
      return judged.length === 0 ? statement : { ...statement, Condition: Object.fromEntries(judged) };
    }),
  };
}
