import { idOfSlot } from "../../shared/documents/slot.ts";

const startedMs = Math.floor(Date.now() / 1000) * 1000;

/** A slot of so many minutes before the tests of a file began, for real clocks: one that is older than a day is refused. */
export function slotBefore(minutes: number): { readonly time: string; readonly id: string } {
  const slot = new Date(startedMs - minutes * 60_000);
  return { time: slot.toISOString(), id: idOfSlot(slot) };
}

export const { time: RECENT_SLOT, id: RECENT_ID } = slotBefore(60);
