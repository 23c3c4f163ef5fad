import { LifeboatError } from "../../../errors.ts";
import { isUnofficialKopia, OLDEST_KOPIA } from "../../../host/kopia-version.ts";
import { KOPIA } from "../../../host/program-finder.ts";
import type { ProgramFinder } from "../../../host/program-finder.ts";

export interface FoundKopia {
  /** Absolute. */
  readonly path: string;
  /** `0.23.1`, or `0-unofficial` of a build from source. */
  readonly version: string;
  /** What a person should know of it, one sentence, lower case, no full stop; undefined for a release. */
  readonly warning: string | undefined;
}

/** Finds kopia in `tools.dir` or on PATH. Throws `config/not-found` where there is none that serves, with how to install it. */
export async function findKopia(finder: ProgramFinder, signal: AbortSignal): Promise<FoundKopia> {
  const { found, passedOver } = await finder.find(KOPIA, signal);
  if (found === undefined) {
    const others = passedOver.map(({ path, reason }) => `; ${path} ${reason}`).join("");
    throw new LifeboatError(
      "config/not-found",
      `the store is a Kopia repository, and no kopia was found in tools.dir or on PATH${others}`,
      {
        hint: `install a release of kopia ${OLDEST_KOPIA} or later (https://kopia.io/docs/installation/), on PATH or in the folder that tools.dir names`,
      },
    );
  }
  const { path, version } = found;
  const warning = isUnofficialKopia(version)
    ? `${path} is built from source and says no version: whether it is kopia ${OLDEST_KOPIA} or later cannot be told`
    : undefined;
  return { path, version, warning };
}
