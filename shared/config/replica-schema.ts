import { posix } from "node:path";
import { z } from "zod";
import { wrappingKeySchema } from "./keys-schema.ts";
import { MAX_WRAPPINGS } from "../documents/parts.ts";
import { settings } from "./settings.ts";
import { objectStoreOf, objectStoreSchema } from "./store-schema.ts";
import type { storeSchema } from "./store-schema.ts";

/** Further stores that keep the same snapshots: `replicas` in lifeboat.yaml. */

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "expected a name such as offsite: lower-case letters, digits and '-', at most 32")
  .refine((text) => text !== "primary", "primary is what the store itself is called; give the replica another name");

const replica = settings({ name, store: objectStoreSchema, wrap: wrappingKeySchema.optional() });

export const replicasSchema = z.array(replica).default([]);

export type ReplicaConfig = z.infer<typeof replica>;

interface Stores {
  readonly store: z.infer<typeof storeSchema>;
  readonly replicas: readonly ReplicaConfig[];
  readonly breakGlass: readonly string[];
}

/** What is wrong with replicas beside the rest of the configuration: where, and what. */
export function replicaProblems({
  store,
  replicas,
  breakGlass,
}: Stores): readonly { readonly path: PropertyKey[]; readonly message: string }[] {
  const problems: { path: PropertyKey[]; message: string }[] = [];
  if (replicas.length > 0 && store.kind === "kopia")
    problems.push({
      path: ["replicas"],
      message:
        "a replica has the objects of the store, and the data of a Kopia repository is none of them: leave it out, and let Kopia copy the repository (kopia repository sync-to)",
    });
  if (replicas.length > 0 && breakGlass.length === 0) {
    problems.push({
      path: ["replicas"],
      message:
        "with replicas at least one break-glass recipient is required, since what takes the store may take its keys with it: make an identity with age-keygen, keep it offline, and list its recipient under breakGlass",
    });
  }
  if (replicas.filter(({ wrap }) => wrap !== undefined).length >= MAX_WRAPPINGS)
    problems.push({ path: ["replicas"], message: `at most ${MAX_WRAPPINGS - 1} replicas can have a wrapping key of their own` });
  const names = new Set<string>();
  const places = new Map([[placeOf(objectStoreOf(store)), "store"]]);
  for (const [index, each] of replicas.entries()) {
    if (names.has(each.name)) problems.push({ path: ["replicas", index, "name"], message: `there is another replica ${each.name}` });
    names.add(each.name);
    const place = placeOf(each.store);
    const other = places.get(place);
    if (other !== undefined)
      problems.push({ path: ["replicas", index, "store"], message: `it is the same place as ${other}, so it protects nothing` });
    else places.set(place, `replica ${each.name}`);
  }
  return problems;
}

function placeOf(store: ReplicaConfig["store"]): string {
  if (store.kind === "directory") return `directory ${posix.normalize(`${store.path}/`)}`;
  return `s3 ${store.endpoint ?? ""} ${store.bucket} ${store.prefix}`;
}
