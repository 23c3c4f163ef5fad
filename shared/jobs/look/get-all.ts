import { createHash } from "node:crypto";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { clean } from "../../kube/clean.ts";
import { creationStepOf } from "../../kube/creation-order.ts";
import type { KubernetesObject, ObjectDecoder } from "../../kube/decoder.ts";
import { textOf } from "../../kube/object.ts";
import { makerOf } from "../../kube/makers.ts";
import { toYaml } from "../../kube/yaml.ts";
import { keyIsIn, objectNameOf } from "../../snapshot/object-names.ts";
import type { LookPorts } from "./look-through.ts";
import { objectsIn } from "./objects.ts";
import type { FoundObject } from "./objects.ts";
import { readValues } from "./read-values.ts";

export interface GetAllRequest {
  readonly namespace: string;
  /** Whether what keeps `kubectl create` from taking an object is left out. */
  readonly isCleaned: boolean;
  /** Whether objects are wanted, too, that something else makes anew, such as a Deployment's Pods. */
  readonly withMade: boolean;
  readonly decoder: ObjectDecoder;
  /** Writes a file of that name, which may have folders in it. */
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
}

/** What a person should know of an object: a sentence's end that begins with its key. */
export interface ObjectNote {
  readonly key: Uint8Array;
  readonly text: string;
}

export interface GotAll {
  readonly objects: number;
  readonly secrets: number;
  /** Those that were left out, and who makes each. */
  readonly made: readonly ObjectNote[];
  /** Those that are there as they are stored. */
  readonly raw: readonly ObjectNote[];
  readonly warnings: readonly ObjectNote[];
}

/** What is no object that could be read comes after all others. */
const RAW_STEP = 99;

/**
 * All objects of a namespace, and the namespace itself, each as a file of YAML. The folders are numbered in the order in which they can be created: `kubectl create -R -f` goes by their names. What
 * cannot be read is a file of its bytes that ends in `.bin`, which kubectl passes over.
 */
export async function getAll(input: SnapshotInput, request: GetAllRequest, ports: LookPorts): Promise<GotAll> {
  const { namespace, isCleaned, withMade, decoder, write } = request;
  const [made, raw, warnings]: ObjectNote[][] = [[], [], []];
  const names = new Set<string>();
  const counts = { objects: 0, secrets: 0 };
  for await (const each of objectsIn(readValues(input, keyIsIn(namespace), ports), decoder, ports.signal)) {
    const { key } = each.found;
    if ("raw" in each) {
      raw?.push({ key, text: each.raw });
      await write(unused(names, nameOf(each, RAW_STEP, "bin")), each.found.value);
      continue;
    }
    const maker = makerOf(each.object);
    if (maker !== undefined && !withMade) {
      made?.push({ key, text: maker });
      continue;
    }
    const cleaned = isCleaned ? clean(each.object) : { object: each.object, warnings: [] };
    const texts = each.warning === undefined ? cleaned.warnings : [each.warning, ...cleaned.warnings];
    warnings?.push(...texts.map((text) => ({ key, text })));
    const type = typeOf(each.object);
    await write(unused(names, nameOf(each, creationStepOf(type), "yaml")), Buffer.from(toYaml(cleaned.object)));
    counts.objects++;
    if (type.apiVersion === "v1" && type.kind === "Secret") counts.secrets++;
  }
  return { ...counts, made: made ?? [], raw: raw ?? [], warnings: warnings ?? [] };
}

function typeOf(object: KubernetesObject): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: textOf(object, "apiVersion"), kind: textOf(object, "kind") };
}

function nameOf({ found }: FoundObject, step: number, ending: string): string {
  const object = objectNameOf(Buffer.from(found.key).toString("utf8"));
  return `${String(step).padStart(2, "0")}-${fileName(object?.resource ?? "other")}/${fileName(object?.name ?? "unnamed")}.${ending}`;
}

/** As Linux takes names, with room for a number and an ending. */
const LONGEST_NAME = 200;

/** What names of Kubernetes are made of stays; anything else, which only a hostile key has, is written as `%XX`, and what is too long ends in a digest. */
function fileName(name: string): string {
  const safe = name
    .replaceAll(/[^A-Za-z0-9._:-]/gu, (character) =>
      Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    )
    .replace(/^[.-]/, (first) => `%${first.charCodeAt(0).toString(16)}`);
  if (safe.length <= LONGEST_NAME) return safe;
  return `${safe.slice(0, LONGEST_NAME - 17)}-${createHash("sha256").update(name).digest("hex").slice(0, 16)}`;
}

/** Two objects of one name are of two groups. */
function unused(names: Set<string>, name: string): string {
  let free = name;
  for (let number = 2; names.has(free); number++) free = name.replace(/(\.\w+)$/, `-${number}$1`);
  names.add(free);
  return free;
}
