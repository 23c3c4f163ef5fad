import type { JsonDocument } from "../shared/contract/documents.ts";
import type { ChangeKind } from "../shared/snapshot/comparison.ts";
import { objectNameOf } from "../shared/snapshot/object-names.ts";
import { formatTable } from "./format.ts";
import { textOf } from "./key-text.ts";

type Counts = Record<ChangeKind, number>;

/** Changes counted by resource as they go by. */
export class ChangeTally {
  readonly #byResource = new Map<string | null, Counts>();

  note(kind: ChangeKind, key: Uint8Array): void {
    const resource = objectNameOf(textOf(key))?.resource ?? null;
    const counts = this.#byResource.get(resource) ?? { added: 0, removed: 0, changed: 0, rewritten: 0 };
    counts[kind]++;
    this.#byResource.set(resource, counts);
  }

  /** Most changes first. */
  get resources(): Extract<JsonDocument<"diff">, { readonly resources: unknown }>["resources"] {
    return Array.from(this.#byResource, ([resource, counts]) => ({ resource, ...counts })).toSorted((a, b) => sum(b) - sum(a));
  }

  table(width: number | undefined): string {
    return formatTable(
      ["RESOURCE", "ADDED", "REMOVED", "CHANGED", "REWRITTEN"],
      this.resources.map(({ resource, added, removed, changed, rewritten }) => [
        resource ?? "(other keys)",
        ...[added, removed, changed, rewritten].map(String),
      ]),
      { width },
    );
  }
}

function sum({ added, removed, changed, rewritten }: Counts): number {
  return added + removed + changed + rewritten;
}
