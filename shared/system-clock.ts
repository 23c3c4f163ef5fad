import type { Clock } from "./clock.ts";

/** The machine's clock: the only place that reads it. Whoever starts a process hands it in. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
