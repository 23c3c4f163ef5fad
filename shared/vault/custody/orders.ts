import type { CustodyRecord } from "../../documents/custody-record.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { SKEW_MS } from "../../documents/slot.ts";
import { isFault, isOfLaterVersion, readRecord } from "./records.ts";
import type { FoundRecord, RecordVault } from "./records.ts";
import { readRecordsBack } from "./records-back.ts";

/** Orders to remove, as they stand in the custody log: docs/format.md, "Orders". */

/** A day: the service orders and executes within minutes, a person within hours, and what is older was decided by what is not so any more. */
export const ORDER_VALID_MS = 86_400_000;

export type OrderSubject = CustodyRecord["subjects"][number];

export interface Order {
  /** Digest of what it names. */
  readonly id: string;
  /** Its records in the order of the log, and what each names. */
  readonly parts: readonly OrderPart[];
  /** When the first of them was written, by its signed word. ISO 8601 in UTC. */
  readonly time: string;
  readonly actor: string;
  /** The brakes that whoever gave it took off. */
  readonly although: readonly string[];
}

export interface OrderPart extends CustodyReceipt {
  /** Without those that a later record took back. */
  readonly subjects: readonly OrderSubject[];
}

/** All that an order names, in the order in which it is to be removed. */
export function subjectsOfOrder({ parts }: Order): readonly OrderSubject[] {
  return parts.flatMap(({ subjects }) => subjects);
}

/** Why an order is not to be followed. */
export interface OrderRefusal {
  readonly code: "expired" | "incomplete" | "broken-chain" | "future";
  /** One sentence, lower case, no full stop. */
  readonly message: string;
}

export type NewestOrder =
  /** `refusal`: none was found, and the log is not one that an order could be found in. */
  | { readonly state: "none"; readonly refusal: OrderRefusal | undefined }
  | { readonly state: "valid"; readonly order: Order }
  /** `order` is what there is of it. */
  | { readonly state: "refused"; readonly refusal: OrderRefusal; readonly order: Order };

/** How far back an order is looked for, so that one that was never followed is told of and not passed over. */
const LOOK_BACK_MS = 2 * ORDER_VALID_MS;

/** So many records in a row must be older than that before the search ends: a few that somebody dated back do not hide an order. */
const OLD_IN_A_ROW = 100;

/**
 * The newest order of a cluster. It is valid where each of its records is signed by a trusted audit key, it is whole, younger than a day, and the log from its end back to the record before it,
 * and through the last day, is one chain: each record names the bytes of the one before. A record put in another's place is none; an older order does not count once a newer one stands. Of a chain that does not hold nothing is followed.
 */
export async function readNewestOrder(vault: RecordVault, cluster: string, now: Date, signal?: AbortSignal): Promise<NewestOrder> {
  const parts: FoundOrderRecord[] = [];
  const reasons = new Map<string, string>();
  const takenBack = new TakenBack();
  let above: FoundRecord | undefined;
  let broken: OrderRefusal | undefined;
  let isPast = false;
  let oldInARow = 0;
  for await (const found of readRecordsBack(vault, cluster, new Date(0), signal)) {
    broken ??= brokenBetween(found, above);
    above = found;
    if (isPast) break;
    takenBack.add(found);
    const age = isFault(found.record) ? 0 : now.getTime() - Date.parse(found.record.time);
    // What is older than that nobody asks about any more.
    const part = age > LOOK_BACK_MS ? undefined : orderRecordIn(found, reasons);
    if (part !== undefined && isNextBelow(part, parts.at(-1))) parts.push(part);
    oldInARow = age > LOOK_BACK_MS ? oldInARow + 1 : 0;
    const isOld = age > ORDER_VALID_MS;
    // One record more: what the last one names as before it.
    isPast = (isOld && (isWhole(parts) || (part === undefined && parts.length > 0))) || oldInARow > OLD_IN_A_ROW;
  }
  if (!isPast && above !== undefined) broken ??= await brokenBelow(vault, cluster, above, signal);
  const [newest] = parts;
  if (newest === undefined) return { state: "none", refusal: broken };
  const order = orderOf(parts.toReversed(), newest, takenBack);
  if (!isWhole(parts)) {
    const message = `the order of record ${newest.receipt.sequence} is not whole: ${parts.length} of its ${newest.order.parts} records are there, so whoever gave it was interrupted`;
    return { state: "refused", refusal: { code: "incomplete", message }, order };
  }
  const refusal = untimely(order, now) ?? broken;
  return refusal === undefined ? { state: "valid", order } : { state: "refused", refusal, order };
}

function orderOf(inTurn: readonly FoundOrderRecord[], newest: FoundOrderRecord, takenBack: TakenBack): Order {
  const [first = newest] = inTurn;
  return {
    id: newest.order.id,
    parts: inTurn.map(({ receipt, record }) => ({
      ...receipt,
      subjects: record.subjects.filter((subject) => !takenBack.has(receipt.sequence, subject)),
    })),
    time: first.record.time,
    actor: first.record.actor,
    although: newest.order.although ?? [],
  };
}

function untimely({ parts, time }: Order, now: Date): OrderRefusal | undefined {
  const age = now.getTime() - Date.parse(time);
  const which = `the newest order (record ${parts[0]?.sequence}) was given at ${time}`;
  if (age > ORDER_VALID_MS) return { code: "expired", message: `${which}, more than a day ago` };
  return age < -SKEW_MS ? { code: "future", message: `${which}, which is in the future` } : undefined;
}

interface FoundOrderRecord {
  readonly receipt: CustodyReceipt;
  readonly record: Pick<CustodyRecord, "time" | "actor" | "subjects">;
  readonly order: NonNullable<CustodyRecord["details"]["order"]>;
}

/** `reasons`: those that were read before. Of thirty thousand subjects most share a few, of 300 characters each. */
function orderRecordIn({ record, sequence, digest }: FoundRecord, reasons: Map<string, string>): FoundOrderRecord | undefined {
  if (isFault(record) || record.event !== "removed" || record.details.order === undefined) return undefined;
  const { time, actor } = record;
  const subjects = record.subjects.map((subject) =>
    subject.reason === undefined ? subject : { ...subject, reason: shared(subject.reason, reasons) },
  );
  return { receipt: { sequence, digest }, record: { time, actor, subjects }, order: record.details.order };
}

function shared(text: string, known: Map<string, string>): string {
  const same = known.get(text) ?? text;
  known.set(same, same);
  return same;
}

/**
 * Whether a part, going back, belongs to the order whose part `above` was found before it. One of the same id that does not fit is of another run, which was killed, or gave the same order before.
 */
function isNextBelow({ order }: FoundOrderRecord, above: FoundOrderRecord | undefined): boolean {
  if (above === undefined) return true;
  return order.id === above.order.id && order.parts === above.order.parts && order.part === above.order.part - 1;
}

/** `parts` from the last one back, each next below the one before. */
function isWhole(parts: readonly FoundOrderRecord[]): boolean {
  const [newest] = parts;
  return newest !== undefined && newest.order.part === newest.order.parts && parts.length === newest.order.parts;
}

/** Where the records end before their beginning: what is below the last one that was read. */
async function brokenBelow(
  vault: RecordVault,
  cluster: string,
  above: FoundRecord,
  signal: AbortSignal | undefined,
): Promise<OrderRefusal | undefined> {
  if (above.sequence === 1) return undefined;
  const below = await readRecord(vault, cluster, above.sequence - 1, { signal });
  return below === undefined
    ? { code: "broken-chain", message: `record ${above.sequence - 1} is missing, but a later one is there` }
    : brokenBetween(below, above);
}

function brokenBetween(
  { sequence, digest, oversizedBytes, record }: FoundRecord,
  above: FoundRecord | undefined,
): OrderRefusal | undefined {
  if (isFault(record) && !isOfLaterVersion(record))
    return { code: "broken-chain", message: `record ${sequence} is not believed: ${record.message}` };
  if (above === undefined || isFault(above.record)) return undefined;
  if (above.sequence !== sequence + 1)
    return { code: "broken-chain", message: `record ${sequence + 1} is missing, but a later one is there` };
  const { previous, previousBytes } = above.record;
  if (previous !== digest || previousBytes !== oversizedBytes)
    return { code: "broken-chain", message: `record ${above.sequence} names another record ${sequence} than the one that is stored` };
  // Else a record that somebody dated back would end the search for an order before it was found.
  return !isFault(record) && Date.parse(above.record.time) < Date.parse(record.time) - SKEW_MS
    ? {
        code: "broken-chain",
        message: `record ${above.sequence} says that it was written at ${above.record.time}, before record ${sequence} (${record.time}): a clock was wrong, or somebody dated it back`,
      }
    : undefined;
}

/** What records of the audit key took back of orders before them. */
class TakenBack {
  readonly #names = new Set<string>();

  add({ record }: FoundRecord): void {
    if (isFault(record) || record.event !== "failed" || record.signer.purpose !== "audit" || record.details.of === undefined) return;
    for (const subject of record.subjects) this.#names.add(nameIn(record.details.of, subject));
  }

  has(sequence: number, subject: OrderSubject): boolean {
    return this.#names.has(nameIn(sequence, subject));
  }
}

function nameIn(sequence: number, { key, version, digest }: OrderSubject): string {
  return `${sequence}\n${key}\n${version ?? ""}\n${digest ?? ""}`;
}
