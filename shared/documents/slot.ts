/**
 * A slot is the second that a snapshot stands for; it names the snapshot: `20261121T100000Z`. A second snapshot by hand within
 * one second is `20261121T100000Z-2`, and so on. Ids of one cluster are unique and sort by slot.
 */

const ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z(?:-([1-9]\d{0,3}))?$/;

const SLOT_LENGTH = "20261121T100000Z".length;

/** The id for a time, to the second; `ordinal` counts from 1. */
export function idOfSlot(slot: Date, ordinal = 1): string {
  const second = `${slot.toISOString().slice(0, 19)}Z`.replaceAll(/[-:]/g, "");
  return ordinal === 1 ? second : `${second}-${ordinal}`;
}

/** The slot's time and ordinal, or undefined where `id` is not an id of a real time. */
export function parseId(id: string): { readonly slot: Date; readonly ordinal: number } | undefined {
  const match = ID.exec(id);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, suffix] = match;
  const slot = parseInstant(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const ordinal = suffix === undefined ? 1 : Number(suffix);
  return slot === undefined || (suffix !== undefined && ordinal < 2) ? undefined : { slot, ordinal };
}

/** `2026-11-21T10:00:00Z`, `20261121T100000Z`, and shorter `2026-11-21` or `2026-11-21T10:00Z`: all UTC. Undefined for anything else. */
export function parseUtc(text: string): Date | undefined {
  const compact = parseId(text);
  if (compact !== undefined) return compact.ordinal === 1 ? compact.slot : undefined;
  const match = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(:\d{2})?(?:\.\d+)?Z)?$/.exec(text);
  if (match === null) return undefined;
  return parseInstant(`${match[1]}T${match[2] ?? "00:00"}${match[3] ?? ":00"}Z`);
}

/** JavaScript rolls 31 February over to March, and 24:00 to the next day: only a time whose day comes back unchanged is one. */
function parseInstant(text: string): Date | undefined {
  const date = new Date(text);
  return date.getUTCDate() === Number(text.slice(8, 10)) ? date : undefined;
}

/**
 * 15 minutes: how far two clocks may differ, of this machine, of who made a snapshot, and of the store. AWS refuses a request whose clock is further off (RequestTimeTooSkewed), and NTP keeps
 * seconds. What lies further ahead is a claim on the future: of an hour, an hourly slot could be claimed before it came.
 */
export const SKEW_MS = 900_000;

/** Whether an id stands for a time that had not come at `now`. No run makes such a one: an id in the future would stay the latest until then. */
export function isAhead(id: string, now: Date): boolean {
  const slot = parseId(id)?.slot;
  return slot !== undefined && slot.getTime() > now.getTime() + SKEW_MS;
}

/** Orders ids by slot, then ordinal: `...Z-10` comes after `...Z-9`. */
export function compareIds(a: string, b: string): number {
  // Two times of one length, as almost all are, stand in the order of their digits.
  if (a.length === SLOT_LENGTH && b.length === SLOT_LENGTH) return a < b ? -1 : Number(a > b);
  const [left, right] = [parseId(a), parseId(b)];
  if (left === undefined || right === undefined) throw new Error(`not a snapshot id: ${left === undefined ? a : b}`);
  return left.slot.getTime() - right.slot.getTime() || left.ordinal - right.ordinal;
}
