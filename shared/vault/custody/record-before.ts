import { z } from "zod";
import { POLICY_SECTIONS } from "../../config/policy-digests.ts";
import { isLifeboatError } from "../../errors.ts";
import { decodeEnvelope, parseJson } from "../../documents/envelope.ts";
import { custodyKey } from "../../documents/layout.ts";
import { digestOf } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { isOversized, readLogObject } from "./log-object.ts";
import { FEW_TIMES } from "../../zod-pace.ts";

/** What the next record takes from the one before it, which is named by its bytes and not judged. */
export interface RecordBefore {
  readonly digest: string;
  /** Where it is larger than any document: its size. `digest` is then of its first 1 MiB. */
  readonly bytes: number | undefined;
  /** Of the sections that this version knows. A false one leads to one record more, and no further. */
  readonly configuration: Readonly<Record<string, string>>;
}

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const shape = z.object({ configuration: z.object(Object.fromEntries(POLICY_SECTIONS.map((name) => [name, digest.optional()]))) });

export async function readRecordBefore(
  blobs: BlobStore,
  cluster: string,
  sequence: number,
  signal: AbortSignal | undefined,
): Promise<RecordBefore> {
  const key = custodyKey(cluster, sequence);
  const object = await readLogObject(blobs, key, signal);
  if (isOversized(object)) return { digest: object.beginning, bytes: object.size, configuration: {} };
  return { digest: digestOf(object), bytes: undefined, configuration: configurationIn(object, key) };
}

function configurationIn(bytes: Uint8Array, key: string): Readonly<Record<string, string>> {
  try {
    const { data } = shape.safeParse(parseJson(decodeEnvelope(bytes, key).payload, key), FEW_TIMES);
    return Object.fromEntries(
      Object.entries(data?.configuration ?? {}).flatMap(([name, each]) => (each === undefined ? [] : [[name, each]])),
    );
  } catch (error) {
    if (isLifeboatError(error, "verify/format")) return {};
    throw error;
  }
}

/** The names of the sections that both know and that differ, for people; undefined where there are none. */
export function describeChange(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string | undefined {
  const changed = POLICY_SECTIONS.filter((name) => before[name] !== undefined && now[name] !== undefined && before[name] !== now[name]);
  return changed.length === 0 ? undefined : changed.join(", ");
}
