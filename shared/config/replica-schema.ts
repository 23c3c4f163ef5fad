import { z } from "zod";
import { wrappingKeySchema } from "./keys-schema.ts";
import { MAX_WRAPPINGS } from "../documents/parts.ts";
import { settings } from "./settings.ts";
import { overlap, rootOf, storeSchema } from "./store-schema.ts";
import type { KopiaRepositoryConfig, ObjectStoreConfig } from "./store-schema.ts";

/** Further stores that keep the same snapshots: `replicas` in lifeboat.yaml. */

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "expected a name such as offsite: lower-case letters, digits and '-', at most 32")
  .refine((text) => text !== "primary", "primary is what the store itself is called; give the replica another name");

const replica = settings({ name, store: storeSchema, wrap: wrappingKeySchema.optional() });

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
  const places = placesOf("store", store);
  for (const [index, each] of replicas.entries()) {
    const path = ["replicas", index, "store"];
    if (names.has(each.name)) problems.push({ path: ["replicas", index, "name"], message: `there is another replica ${each.name}` });
    names.add(each.name);
    const mixed = mixedKinds(store, each.store);
    if (mixed !== undefined) problems.push({ path: [...path, "kind"], message: mixed });
    if (each.store.kind === "kopia" && each.store.repository.kind === "s3" && each.store.repository.lock !== undefined)
      problems.push({ path: [...path, "repository", "lock"], message: NO_LOCK });
    const own = placesOf(`replica ${each.name}`, each.store);
    const other = places.find((place) => own.some((one) => isSame(one, place)));
    if (other !== undefined) problems.push({ path, message: `it is the same place as ${other.of}, so it protects nothing` });
    places.push(...own);
  }
  return problems;
}

const NO_LOCK = "Kopia sets no locks on what it copies: leave it out, and give the bucket a default retention";

/** A copy is of the same bytes, so both keep them in the same way. */
function mixedKinds(store: Stores["store"], other: Stores["store"]): string | undefined {
  if ((store.kind === "kopia") === (other.kind === "kopia")) return undefined;
  return store.kind === "kopia"
    ? "the store is a Kopia repository, whose data are no objects that another store could hold: a replica of it is a Kopia repository, too: { kind: kopia, repository: ..., manifests: ... }"
    : "the store has objects, which a Kopia repository cannot hold as they are: name a directory or a bucket; what is to go into Kopia, too, has a configuration of its own, with backups of its own";
}

interface Place {
  readonly of: string;
  readonly at: ObjectStoreConfig | KopiaRepositoryConfig;
  /** Of a Kopia repository: nothing else may lie in it. */
  readonly isRepository: boolean;
}

function placesOf(of: string, store: Stores["store"]): Place[] {
  if (store.kind !== "kopia") return [{ of, at: store, isRepository: false }];
  return [
    { of, at: store.repository, isRepository: true },
    { of, at: store.manifests, isRepository: false },
  ];
}

function isSame(one: Place, other: Place): boolean {
  return one.isRepository || other.isRepository ? overlap(one.at, other.at) : rootOf(one.at) === rootOf(other.at);
}
