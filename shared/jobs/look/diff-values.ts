import { envelopeOf } from "../../kube/envelope.ts";
import type { KubernetesObject, ObjectDecoder } from "../../kube/decoder.ts";
import { without, withPart } from "../../kube/object.ts";
import { isSecret, redact } from "../../kube/redact.ts";
import { toYaml } from "../../kube/yaml.ts";
import type { ChangeKind } from "../../snapshot/comparison.ts";
import { unifiedHunks } from "./line-diff.ts";
import { mayBeSecret, objectsIn } from "./objects.ts";
import type { FoundObject } from "./objects.ts";
import type { FoundValue } from "./read-values.ts";

/** Of two states: undefined where there is none. */
export interface Sides<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export interface ValueDifference {
  readonly change: ChangeKind | "same";
  /** What `hunks` are of: the objects in YAML, or the values, which are text. Undefined where they are neither, or may not be shown. */
  readonly form: "yaml" | "text" | undefined;
  /** Of a unified diff; empty where nothing that is shown differs. Of text, control characters are as they are. */
  readonly hunks: string;
  /** Why a value is not shown as an object: the end of a sentence that begins with its key. */
  readonly notRead: Sides<string>;
  /** Whether data of a Secret is not shown. */
  readonly isRedacted: boolean;
  /** Whether the objects differ in nothing but `metadata.managedFields`, which are not shown. */
  readonly onlyManagedFields: boolean;
  /** What a person should know of the values: ends of sentences that begin with their key. */
  readonly warnings: readonly string[];
}

export interface DiffValuesRequest {
  readonly decoder: ObjectDecoder;
  /** Whether the data of Secrets is shown. */
  readonly reveals: boolean;
  /** Whether `metadata.managedFields` is, in which the API server notes who set which field: it changes with every write, and kubectl leaves it out as well. */
  readonly showsManagedFields: boolean;
  readonly signal: AbortSignal;
}

/** What became of one value, of which there is one on a side at least. Throws what the decoder throws. */
export async function diffValues(values: Sides<FoundValue>, request: DiffValuesRequest): Promise<ValueDifference> {
  const sides = await readBoth(values, request);
  const reasonOf = (read: FoundObject | undefined): string | undefined => (read !== undefined && "raw" in read ? read.raw : undefined);
  const notRead = { before: reasonOf(sides.before), after: reasonOf(sides.after) };
  const shown = textsOf(sides, request);
  const hunks = hunksOf(shown);
  const warnings = [sides.before, sides.after].flatMap((side) => (side !== undefined && "object" in side ? (side.warning ?? []) : []));
  return {
    change: changeOf(values),
    form: shown.form,
    hunks,
    notRead,
    isRedacted: shown.isRedacted,
    onlyManagedFields: hunks === "" && hunksOf(textsOf(sides, { ...request, showsManagedFields: true })) !== "",
    warnings: [...new Set(warnings)],
  };
}

function hunksOf({ texts }: Shown): string {
  return unifiedHunks(texts?.before ?? "", texts?.after ?? "");
}

async function readBoth({ before, after }: Sides<FoundValue>, { decoder, signal }: DiffValuesRequest): Promise<Sides<FoundObject>> {
  async function* both(): AsyncGenerator<FoundValue, void, undefined> {
    for (const each of [before, after]) if (each !== undefined) yield each;
  }
  const read: FoundObject[] = [];
  for await (const each of objectsIn(both(), decoder, signal)) read.push(each);
  return { before: before && read[0], after: after && read.at(-1) };
}

function changeOf({ before, after }: Sides<FoundValue>): ValueDifference["change"] {
  if (before === undefined) return "added";
  if (after === undefined) return "removed";
  if (Buffer.compare(before.value, after.value) !== 0) return "changed";
  return before.revision === after.revision ? "same" : "rewritten";
}

interface Shown {
  readonly form: ValueDifference["form"];
  readonly texts?: Sides<string>;
  readonly isRedacted: boolean;
}

function textsOf({ before, after }: Sides<FoundObject>, { reveals, showsManagedFields }: DiffValuesRequest): Shown {
  const there = [before, after].filter((each) => each !== undefined);
  if (there.every((each) => "object" in each)) {
    const [was, is] = [before, after].map((each) =>
      each !== undefined && "object" in each ? (showsManagedFields ? each.object : withoutManagedFields(each.object)) : undefined,
    );
    const text = (object: typeof was, other?: typeof was): string | undefined => object && toYaml(reveals ? object : redact(object, other));
    return {
      form: "yaml",
      texts: { before: text(was), after: text(is, was) },
      isRedacted: !reveals && there.some((each) => "object" in each && isSecret(each.object)),
    };
  }
  if (!reveals && there.some(mayHide)) return { form: undefined, isRedacted: true };
  const texts = { before: before && plainText(before), after: after && plainText(after) };
  const isText = there.length === [texts.before, texts.after].filter((text) => text !== undefined).length;
  return isText ? { form: "text", texts, isRedacted: false } : { form: undefined, isRedacted: false };
}

function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  return withPart(object, "metadata", (metadata) => without(metadata, "managedFields"));
}

function mayHide(read: FoundObject): boolean {
  return ("object" in read && isSecret(read.object)) || mayBeSecret(read.found);
}

/** Undefined for what is encrypted, and what is no text. */
function plainText({ found: { value } }: FoundObject): string | undefined {
  if (!["json", "other"].includes(envelopeOf(value).form) || value.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return undefined;
  }
}
