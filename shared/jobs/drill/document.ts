import type { JsonDocument } from "../../contract/documents.ts";
import type { DrillResult } from "./drill.ts";

export function drillJson(result: DrillResult): JsonDocument<"drill"> {
  const { found, drilledAt, outcome, failure, steps, etcdVersion, hashKv, notCompared, keys, sample, bumpedRevision, payloadBytes } =
    result;
  const { cluster, id } = found.manifest;
  return {
    ref: `${cluster}/${id}`,
    good: found.lacks.length === 0,
    lacks: found.lacks.map(({ reason }) => reason),
    manifestDigest: found.digest,
    outcome,
    failure:
      failure === undefined
        ? null
        : { step: failure.step, code: failure.error.code, message: failure.error.message, hint: failure.error.hint ?? null },
    drilledAt: drilledAt.toISOString(),
    steps,
    etcdVersion: etcdVersion ?? null,
    hashKv: hashKv ?? null,
    notCompared,
    keys: keys ?? null,
    sample: sample ?? null,
    bumpedRevision: bumpedRevision ?? null,
    payloadBytes: payloadBytes ?? null,
    evidence: result.evidence,
    custody: result.custody,
  };
}
