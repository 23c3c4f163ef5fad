import { timeInVerdictKey, verdictsPrefix } from "../documents/layout.ts";
import type { DocumentOf } from "../documents/signed-document.ts";
import { compareIds } from "../documents/slot.ts";
import { readDocument } from "./read-document.ts";
import type { Vault } from "./vault.ts";

/** So many of the newest are tried: what is planted behind them hides one for as long as nobody signs another. */
const TRIED = 4;

/** The newest signed verdict on a cluster that is believed; undefined where there is none. Throws `store/...`. */
export async function newestVerdict(vault: Vault, cluster: string, signal?: AbortSignal): Promise<DocumentOf<"verdict"> | undefined> {
  const names: { readonly key: string; readonly time: string }[] = [];
  for await (const { key } of vault.blobs.list(verdictsPrefix(cluster), { signal })) {
    const time = timeInVerdictKey(cluster, key);
    if (time !== undefined) names.push({ key, time });
  }
  for (const { key, time } of names.toSorted((one, other) => compareIds(other.time, one.time)).slice(0, TRIED)) {
    const read = await readDocument(vault, "verdict", cluster, key, { signal });
    if (read?.state === "opened" && read.document.id === time) return read.document;
  }
  return undefined;
}
