import type { Custodian } from "../custody/custodian.ts";
import { LifeboatError } from "../../errors.ts";
import type { LineageDecision } from "../../etcd/lineage.ts";
import { lineageKey } from "../../documents/layout.ts";
import { nextNumber } from "../../documents/lineages.ts";
import { FORMAT_VERSION } from "../../documents/parts.ts";
import type { Lineage } from "../../documents/lineage.ts";
import type { CustodyPorts } from "../custody/append.ts";
import { publish } from "../publish.ts";
import type { Skip } from "../publish.ts";
import { TOOL } from "../../version.ts";
import type { Vault } from "../vault.ts";
import { readLineages } from "./lineages.ts";

/** So often is another number tried, where somebody put something under each just before. */
const ATTEMPTS = 5;

type Opening = NonNullable<LineageDecision["opens"]>;

/**
 * Opens a new lineage, which the custody log is told first: the document that serves. Where another host opened the same one meanwhile, that is it; where
 * something else was put under the number meanwhile, the lineage gets the next one that is free.
 */
export async function openLineage(
  ports: CustodyPorts,
  custodian: Custodian,
  cluster: string,
  opens: Opening,
  signal?: AbortSignal,
): Promise<Lineage> {
  let { number } = opens;
  for (let attempt = 1; ; attempt++) {
    const published = await publish<"lineage", { readonly lineage: Lineage } | { readonly next: number }>(ports, custodian, {
      kind: "lineage",
      place: lineageKey(cluster, number),
      event: "lineage-opened",
      about: [],
      details: { reason: opens.reason },
      draft: (custody) => ({
        type: "lineage",
        formatVersion: FORMAT_VERSION,
        cluster,
        ...opens,
        number,
        openedAt: ports.clock.now().toISOString(),
        tool: TOOL,
        custody,
      }),
      onTaken: () => insteadOf(ports, cluster, { ...opens, number }, attempt, signal),
      signal,
    });
    if (published.outcome === "published") return published.document;
    if ("lineage" in published.instead) return published.instead.lineage;
    number = published.instead.next;
  }
}

/** What serves where something stands under the number. Throws `busy` where nothing does. */
async function insteadOf(
  vault: Vault,
  cluster: string,
  { number, clusterId, previous }: Opening,
  attempt: number,
  signal: AbortSignal | undefined,
): Promise<Skip<{ readonly lineage: Lineage } | { readonly next: number }>> {
  const { links, taken } = await readLineages(vault, cluster, signal);
  const head = links.at(-1)?.lineage;
  const about = [{ key: lineageKey(cluster, number) }];
  if (head !== undefined && head.number === number && head.clusterId === clusterId)
    return { reason: "another run opened this lineage first", about, instead: { lineage: head } };
  const isAsBefore = head?.number === previous?.number;
  const next = isAsBefore ? nextNumber(head?.number ?? 0, taken) : undefined;
  if (next === undefined || attempt === ATTEMPTS)
    throw new LifeboatError("busy", `another host opened a lineage of ${cluster} at the same time`, { hint: "run the command again" });
  return { reason: "something else was put in the place of this lineage", about, instead: { next } };
}
