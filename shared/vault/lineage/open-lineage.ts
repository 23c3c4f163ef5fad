import type { Clock } from "../../clock.ts";
import type { Custodian } from "../custody/custodian.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { LineageDecision } from "../../etcd/lineage.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import { lineageKey } from "../../documents/layout.ts";
import { nextNumber } from "../../documents/lineages.ts";
import { putDocument } from "../put-document.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { Lineage } from "../../documents/lineage.ts";
import { openDocument, signDocument } from "../../documents/signed-document.ts";
import { TOOL } from "../../version.ts";
import type { Vault } from "../catalog.ts";
import { readLineages } from "./lineages.ts";

/** So often is another number tried, where somebody put something under each just before. */
const ATTEMPTS = 5;

type Opening = NonNullable<LineageDecision["opens"]>;

/**
 * Opens a new lineage, which the custody log is told first: the document that serves. Where another host opened the same one meanwhile, that is it; where
 * something else was put under the number meanwhile, the lineage gets the next one that is free.
 */
export async function openLineage(
  ports: Vault & { readonly keys: KeyRing; readonly clock: Clock },
  custodian: Custodian,
  cluster: string,
  opens: Opening,
  signal?: AbortSignal,
): Promise<Lineage> {
  let { number } = opens;
  for (let attempt = 1; ; attempt++) {
    const opened = await tryOpen(ports, custodian, cluster, { ...opens, number }, signal);
    if (opened !== undefined) return opened;
    const { links, taken } = await readLineages(ports, cluster, signal);
    const head = links.at(-1)?.lineage;
    if (head !== undefined && head.number === number && head.clusterId === opens.clusterId) {
      await custodian.skip([{ key: lineageKey(cluster, number) }], "another run opened this lineage first");
      return head;
    }
    const isAsBefore = head?.number === opens.previous?.number;
    const next = isAsBefore ? nextNumber(head?.number ?? 0, taken) : undefined;
    if (next === undefined || attempt === ATTEMPTS)
      throw new LifeboatError("busy", `another host opened a lineage of ${cluster} at the same time`, { hint: "run the command again" });
    await custodian.skip([{ key: lineageKey(cluster, number) }], "something else was put in the place of this lineage");
    number = next;
  }
}

/** Undefined where something stands under the number. */
async function tryOpen(
  ports: Vault & { readonly keys: KeyRing; readonly clock: Clock },
  custodian: Custodian,
  cluster: string,
  opens: Opening,
  signal: AbortSignal | undefined,
): Promise<Lineage | undefined> {
  const key = lineageKey(cluster, opens.number);
  const custody = await custodian.announce("lineage-opened", [{ key }], { details: { reason: opens.reason }, signal });
  const lineage = {
    type: "lineage",
    formatVersion: FORMAT_VERSION,
    cluster,
    ...opens,
    openedAt: ports.clock.now().toISOString(),
    tool: TOOL,
    custody,
  } as const;
  const document = await signDocument(ports.keys, "lineage", lineage);
  try {
    await putDocument(ports.blobs, key, document, signal);
    custodian.settle();
    return openDocument("lineage", document.bytes, ports.trusted, key);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    return undefined;
  }
}
