import { LifeboatError } from "../errors.ts";
import { namesHint } from "./settings.ts";

/** The replica that the configuration calls `name`. Throws `config/not-found` for a name that is not there, with the nearest that is. */
export function findReplica<T extends { readonly name: string }>(replicas: readonly T[], name: string): T {
  const found = replicas.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = replicas.map((each) => each.name);
  throw new LifeboatError("config/not-found", `replica ${name} not found in the configuration`, {
    hint: namesHint(name, names) ?? "the configuration has no replicas; add one under replicas (docs/cli.md)",
  });
}
