import { readdir } from "node:fs/promises";
import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import { errnoOf } from "../../folders.ts";
import { isAlive, statOf } from "../../process-mark.ts";
import type { ProcessMark } from "../../process-mark.ts";

/** 10 s: a guardian that lives has killed and removed everything by then. */
const GUARDIAN_MS = 10_000;
const LOOK_EVERY_MS = 50;
const MOST_LOOKS = 200;

/**
 * Kills what is left in the session that a guardian led. A session keeps its number as long as anything is in it, so that no other has it. A guardian that still lives is waited for, and then killed as well.
 */
export async function endSession(guardian: ProcessMark, clock: Clock): Promise<void> {
  for (let waitedMs = 0; (await isAlive(guardian)) && waitedMs < GUARDIAN_MS; waitedMs += LOOK_EVERY_MS) await pause(clock, LOOK_EVERY_MS);
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const left = await processesIn(guardian);
    if (left.length === 0) return;
    for (const pid of left) kill(pid);
    await pause(clock, LOOK_EVERY_MS);
  }
}

/** None where the number is by now another process's. */
async function processesIn({ pid: session, birth }: ProcessMark): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await statOf(Number(name))) ?? [];
    if (Number(words[3]) !== session || words[0] === "Z") continue;
    if (Number(name) === session && words[19] !== birth) return [];
    found.push(Number(name));
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
