import type { Command } from "commander";
import { LifeboatError } from "../shared/errors.ts";
import { parseUtc } from "../shared/documents/slot.ts";
import { note } from "./console.ts";
import type { Console } from "./console.ts";

/** `--limit` and `--since`: which part of a list is shown. Its newest is last either way. */
export interface WindowOptions {
  readonly limit?: string;
  readonly since?: string;
}

export interface Window {
  /** So many of the newest. */
  readonly limit: number | undefined;
  readonly since: Date | undefined;
}

export function addWindow(command: Command, what: string): Command {
  return command
    .option("--limit <n>", `show only the newest N ${what}`)
    .option("--since <time>", `show only ${what} from this time (UTC) on`);
}

export function parseWindow({ limit, since }: WindowOptions): Window {
  return { limit: parseLimit(limit), since: parseSince(since) };
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new LifeboatError("usage", `--limit "${text}" is not a number of lines`, { hint: "give one from 1 on, such as 20" });
  return Number(text);
}

function parseSince(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const since = parseUtc(text);
  if (since === undefined)
    throw new LifeboatError("usage", `--since "${text}" is not a UTC time`, {
      hint: "give one such as 2026-11-21 or 2026-11-21T10:00:00Z",
    });
  return since;
}

/** So that nobody takes a part for the whole. */
export function noteLeftOut(console: Console, leftOut: number, what: string): void {
  if (leftOut > 0) note(console, `${leftOut} older ${what} ${leftOut === 1 ? "is" : "are"} not shown`);
}
