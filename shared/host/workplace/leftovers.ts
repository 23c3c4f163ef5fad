import { lstat, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { isDead, MARK, markInName } from "../../process-mark.ts";
import { endSession } from "./session.ts";

const PREFIX = "lifeboat-drill-";
const NAME = new RegExp(`^${PREFIX}(${MARK.source})-[0-9a-f]{12}$`);
/** In a place: the process id of its guardian, and when that started. */
export const GUARDIAN_FILE = "guardian";

export async function newName(random: string): Promise<string> {
  return `${PREFIX}${await markInName()}-${random}`;
}

/**
 * Ends what dead processes left in `parent`: the programs first, then the folder. `note` is told, and warned of a place of another machine or container, of which nobody here knows whether it still works.
 */
export async function removeLeftovers(
  parent: string,
  clock: Clock,
  note: (level: "info" | "warn", message: string) => void,
): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const mark = NAME.exec(name)?.[1];
    if (mark === undefined) continue;
    const folder = join(parent, name);
    const stats = await lstat(folder).catch(() => undefined);
    if (stats?.isDirectory() !== true || stats.uid !== process.geteuid?.()) continue;
    const dead = await isDead(mark);
    if (dead === false) continue;
    if (dead === undefined) {
      note(
        "warn",
        `${folder} was left by a drill of another machine or container, unless that still runs: it holds secrets of a cluster unencrypted; delete it`,
      );
      continue;
    }
    await endPlace(folder, clock);
    note("info", `removed ${folder}, left by a killed drill`);
  }
}

/** Kills what still runs in a place whose guardian is not at work, and removes its folder. */
export async function endPlace(folder: string, clock: Clock): Promise<void> {
  const [pid, birth = ""] = (await readFile(join(folder, GUARDIAN_FILE), "utf8").catch(() => "")).trim().split(" ");
  if (pid !== undefined && /^\d+$/.test(pid)) await endSession({ pid: Number(pid), birth }, clock);
  await rm(folder, { recursive: true, force: true });
}
