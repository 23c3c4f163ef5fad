import type { Clock } from "../../clock.ts";
import type { DebugLog } from "../../debug-log.ts";
import type { BundlePrograms } from "../../host/bundle-programs.ts";
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

/** The same, told with where each program was taken from. */
export function traceBundlePrograms(programs: BundlePrograms, debug: DebugLog, clock: Clock): BundlePrograms {
  const timed = new Timed(debug, "program", clock);
  return {
    programsFor: (architecture, minor, signal) =>
      timed.call(
        `programs of a bundle for ${architecture}, etcd ${minor}`,
        () => programs.programsFor(architecture, minor, signal),
        (set) => set.programs.map(({ path, version }) => `${path}, version ${version}`).join("; "),
      ),
  };
}
