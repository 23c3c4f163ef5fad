import type { Clock } from "../../clock.ts";
import type { DebugLog } from "../../debug-log.ts";
import { nameOf } from "../../host/program-finder.ts";
import type { ProgramFinder } from "../../host/program-finder.ts";
import { Timed } from "./timed.ts";

/** The same search, told with each program that was run to ask for its version. */
export function tracePrograms(programs: ProgramFinder, debug: DebugLog, clock: Clock): ProgramFinder {
  const timed = new Timed(debug, "program", clock);
  return {
    find: (program, signal) =>
      timed.call(
        `find ${nameOf(program)}`,
        () => programs.find(program, signal),
        ({ found, passedOver }) => {
          const others = passedOver.map(({ path, reason }) => `; ${path} ${reason}`).join("");
          return `${found === undefined ? "none serves" : `ran ${found.path}, version ${found.version}`}${others}`;
        },
      ),
  };
}
