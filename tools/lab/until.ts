import { setTimeout as delay } from "node:timers/promises";

/**
 * What `attempt` gives once it is neither undefined nor false, asked again and again until `deadlineMs` have passed; then an error that says what was
 * waited for. What `attempt` throws ends the wait at once.
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  attempt: () => T | undefined | false | Promise<T | undefined | false>,
  everyMs = 40,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await attempt();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(everyMs);
  }
}
