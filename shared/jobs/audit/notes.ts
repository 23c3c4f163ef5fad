import { SKEW_MS, idOfSlot } from "../../documents/slot.ts";
import type { AuditMemory } from "../../host/audit-memory.ts";
import type { Asked, ListedOnce } from "../../store/listed-once.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { TOOL } from "../../version.ts";
import { lately } from "./facts/documents.ts";
import type { DocumentFacts } from "./facts/documents.ts";
import { isBelievedRow } from "./facts/snapshots.ts";

/** To be counted up where documents are judged otherwise, or facts have another form. */
const FORM = 2;

const DAY_MS = 86_400_000;

interface About {
  readonly cluster: string;
  readonly historyMs: number;
  readonly view: ListedOnce;
}

interface Kept {
  /** By what documents were judged. */
  readonly basis: string;
  readonly asked: readonly Asked[];
  readonly documents: DocumentFacts;
}

/**
 * What documents of one cluster said when they were last read, and what the store listed then. It is believed again as long as the store lists the same objects, with the same sizes, times and tags, and the configuration judges them by the
 * same trust and policy: nothing that was removed, added or changed since is passed over by it. Only what was wholly in order is kept: whatever is wrong is read and seen each time.
 */
export class Notes {
  readonly #memory: AuditMemory;
  readonly #about: About;
  readonly #basis: string;
  readonly #name: string;

  constructor({ blobs, trusted, policyOf }: Pick<JudgePorts, "blobs" | "trusted" | "policyOf">, memory: AuditMemory, about: About) {
    this.#memory = memory;
    this.#about = about;
    const { cluster, historyMs } = about;
    // An audit and a report look back as far as each does, and neither takes the other's place. No cluster's name has an @.
    this.#name = `${cluster}@${Math.round(historyMs / DAY_MS)}d`;
    this.#basis = JSON.stringify([FORM, TOOL.version, blobs.location, cluster, historyMs, trusted, policyOf(cluster) ?? null]);
  }

  /** Undefined where there is nothing, or the store or the configuration has changed since. Throws `store/...`. */
  async recall(now: number): Promise<DocumentFacts | undefined> {
    const { historyMs, view } = this.#about;
    const kept = parsed(await this.#memory.recall(this.#name));
    if (kept?.basis !== this.#basis || !(await view.answers(kept.asked))) return undefined;
    return asOf(kept.documents, now - historyMs);
  }

  async keep(documents: DocumentFacts, now: number): Promise<void> {
    const { view } = this.#about;
    const { asked } = view;
    if (asked === undefined || !isInOrder(documents) || (await isAheadOf(view, now))) return;
    const kept: Kept = { basis: this.#basis, asked, documents };
    await this.#memory.keep(this.#name, JSON.stringify(kept));
  }
}

/** The memory gives what was kept, or nothing. */
function parsed(text: string | undefined): Kept | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Kept);
}

/** Days have gone by. */
function asOf(documents: DocumentFacts, from: number): DocumentFacts {
  const { history, custody, canaries } = documents;
  if (!history.known || !custody.known) return documents;
  const left = lately(history.value, from);
  const records = custody.value.records - (history.value.events.length - left.events.length);
  return {
    ...documents,
    history: { known: true, value: left },
    custody: { known: true, value: { ...custody.value, records } },
    canaries: canaries.known ? { known: true, value: canaries.value.filter(({ openedAt }) => openedAt >= from) } : canaries,
  };
}

function isInOrder({ rows, newestGood, unbelieved, lineages, custody, history, drills, verdict }: DocumentFacts): boolean {
  return (
    rows.known &&
    rows.value.every((row) => isBelievedRow(row) && row.isPinned !== undefined) &&
    unbelieved.length === 0 &&
    newestGood.known &&
    lineages.known &&
    lineages.value.faults.length === 0 &&
    custody.known &&
    custody.value.findings.length === 0 &&
    history.known &&
    drills.known &&
    verdict.known
  );
}

/** Whether any name has a time that has not come: what is passed over today counts tomorrow. */
async function isAheadOf(view: ListedOnce, now: number): Promise<boolean> {
  const end = idOfSlot(new Date(now + SKEW_MS));
  for await (const name of view.names()) for (const [time] of name.matchAll(/\d{8}T\d{6}Z/g)) if (time > end) return true;
  return false;
}
