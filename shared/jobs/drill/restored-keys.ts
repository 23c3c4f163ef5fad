import { createHash } from "node:crypto";
import type { RangeEntry } from "../../etcd/etcd-source.ts";
import { isLifeboatError } from "../../errors.ts";
import type { ObjectDecoder, StoredValue } from "../../kube/decoder.ts";
import { typeIn } from "../../kube/envelope.ts";
import type { Progress } from "../../progress.ts";
import { objectNameOf } from "../../snapshot/object-names.ts";

/** What a restored etcd answered: its keys, what two of them can be compared by, and some values to read as objects. */
export interface RestoredKeys {
  readonly count: number;
  /** Over keys, values and modification revisions in the order of keys; of this run alone, never kept. */
  readonly digest: string;
  readonly sample: readonly StoredValue[];
}

/** Of each resource, and of all. */
const [OF_ONE, OF_ALL, SAMPLE_BYTES] = [3, 300, 16 * 2 ** 20];

export async function readKeys(entries: AsyncIterable<RangeEntry>): Promise<RestoredKeys> {
  const hash = createHash("sha256");
  const sample: StoredValue[] = [];
  const taken = new Map<string, number>();
  let [count, sampleBytes] = [0, 0];
  const head = Buffer.alloc(16);
  for await (const { key, value, modRevision } of entries) {
    count += 1;
    head.writeUInt32BE(key.length, 0);
    head.writeUInt32BE(value.length, 4);
    head.writeBigUInt64BE(BigInt(modRevision), 8);
    hash.update(head).update(key).update(value);
    if (sample.length >= OF_ALL || sampleBytes + value.length > SAMPLE_BYTES || typeIn(value) === undefined) continue;
    const resource = objectNameOf(Buffer.from(key).toString("utf8"))?.resource ?? "";
    const of = taken.get(resource) ?? 0;
    if (of >= OF_ONE) continue;
    taken.set(resource, of + 1);
    sample.push({ key, value });
    sampleBytes += value.length;
  }
  return { count, digest: hash.digest("hex"), sample };
}

export interface DecodedSample {
  readonly values: number;
  readonly objects: number;
}

/** How many of the values are read as objects of Kubernetes. Undefined where there are none, or nothing that reads them: `progress` is told why. Throws `interrupted`. */
export async function decodeSample(
  sample: RestoredKeys["sample"],
  decoder: ObjectDecoder,
  progress: Progress,
  signal: AbortSignal,
): Promise<DecodedSample | undefined> {
  if (sample.length === 0) return undefined;
  try {
    let objects = 0;
    for await (const answer of decoder.decode(each(sample), signal)) if ("object" in answer) objects += 1;
    return { values: sample.length, objects };
  } catch (error) {
    // Says nothing about the snapshot.
    if (!isLifeboatError(error, "decoder/")) throw error;
    progress.note("warn", `no objects were read: ${error.message}`);
    return undefined;
  }
}

// oxlint-disable-next-line require-await -- an async iterable of what is in memory
async function* each(sample: RestoredKeys["sample"]): AsyncGenerator<StoredValue, void, undefined> {
  yield* sample;
}
