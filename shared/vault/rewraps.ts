import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import type { KeysById } from "./keys-by-id.ts";
import { readDocument } from "./read-document.ts";
import type { Vault } from "./vault.ts";
import { LifeboatError } from "../errors.ts";
import { partsOfRewrapKey, rewrapsPrefix } from "../documents/layout.ts";
import type { Rewrap } from "../documents/rewrap.ts";

/** The rewraps of one snapshot. */
export interface Rewraps {
  /** In the order of their numbers. Whose manifest they name is not compared: what they wrap is held against the recipient in it. */
  readonly good: readonly Rewrap[];
  /** Those that are not believed, with the reason. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
  /** The highest number in use, 0 where there is none. */
  readonly last: number;
}

/** The lowest numbers are read: who plants thousands behind them hides none. A snapshot gets one where keys change. */
const MAX_REWRAPS = 64;

/** Reads the rewraps of one snapshot; `listed` are their keys, where they were listed before. */
export async function readRewraps(vault: Vault, cluster: string, id: string, listed?: KeysById): Promise<Rewraps> {
  const found = (listed === undefined ? await keysOf(vault, cluster, id) : (listed.get(id) ?? []))
    .map((key) => ({ key, number: partsOfRewrapKey(cluster, key)?.number ?? 0 }))
    .toSorted((a, b) => a.number - b.number);
  const good: Rewrap[] = [];
  const bad: { key: string; error: LifeboatError }[] = [];
  for await (const read of mapConcurrently(found.slice(0, MAX_REWRAPS), PARALLEL_READS, ({ key }) =>
    readDocument(vault, "rewrap", cluster, key),
  )) {
    if (read?.state === "bad") bad.push({ key: read.key, error: read.error });
    // Another's wrapping would not open this one's data; it is only never tried.
    else if (read?.state === "opened" && read.document.id === id) good.push(read.document);
  }
  const [unread] = found.slice(MAX_REWRAPS);
  if (unread !== undefined) bad.push({ key: unread.key, error: tooMany(found.length, `${cluster}/${id}`) });
  return { good, bad, last: found.at(-1)?.number ?? 0 };
}

async function keysOf({ blobs }: Vault, cluster: string, id: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(rewrapsPrefix(cluster, id))) if (partsOfRewrapKey(cluster, key)?.id === id) keys.push(key);
  return keys;
}

function tooMany(count: number, snapshot: string): LifeboatError {
  return new LifeboatError("verify/size", `there are ${count} rewraps of ${snapshot}, and no more than ${MAX_REWRAPS} are read`, {
    hint: "find out who wrote so many, and remove those that are not believed",
  });
}
