import { fileURLToPath } from "node:url";
import { lifeboat } from "./lifeboat.ts";
import type { LifeboatOptions, Outcome } from "./lifeboat.ts";

const PRELOAD = fileURLToPath(new URL("../fixtures/signal-at.ts", import.meta.url));

/** Runs the command in a process that sends itself `signal` (one, or several with spaces between them) at `moment`: see test/fixtures/signal-at.ts for the moments. */
export function signalled(signal: string, moment: string, args: readonly string[], options: LifeboatOptions): Promise<Outcome> {
  const env = { ...options.env, LIFEBOAT_TEST_SIGNAL: signal, LIFEBOAT_TEST_MOMENT: moment };
  return lifeboat(args, { ...options, env, preload: PRELOAD });
}
