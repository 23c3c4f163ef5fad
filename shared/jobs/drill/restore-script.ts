import { LifeboatError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Ended, Workplace } from "../../host/workplace.ts";
import { shellWord } from "../../shell-word.ts";

/** restore.sh, out of the bundle, as a person on a node runs it. */

/** Where the bundle is in the place, and what is typed there is unpacked to. */
export const BUNDLE = "bundle";
const SCRIPT = "lifeboat/bundle/restore.sh";

/** Its exit codes (node/lib/say.sh) as errors: 5 is the machine's own fault, and everything else says that this snapshot does not come back so. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  2: "input/unusable",
  3: "etcd/refused",
  4: "verify/content",
  5: "output/failed",
  6: "verify/content",
};

/** Checks and unpacks the bundle by the very lines that are printed for people: all before the first of restore.sh. */
export async function unpackBundle(place: Workplace, lines: readonly string[], signal: AbortSignal): Promise<void> {
  const typed = lines.filter((line) => !line.startsWith("#"));
  const first = typed.findIndex((line) => line.startsWith(SCRIPT));
  for (const line of typed.slice(0, first)) {
    const ended = await place.run(["bash", "-c", `cd ${shellWord(place.path(BUNDLE))} && ${line}`], { signal });
    if (ended.code === 0) continue;
    throw new LifeboatError(
      ended.code === 127 ? "config/not-found" : "verify/signature",
      `this line of the bundle's own failed: ${line}: ${whatItSaid(place, ended)}`,
      {
        hint:
          ended.code === 127
            ? "install coreutils, openssl and tar: restore.sh needs them, too"
            : "make the bundle again; if that does not help, find out who changed it",
      },
    );
  }
}

export interface ScriptRun {
  /** After the command's name: its options. */
  readonly words: readonly string[];
  readonly signal: AbortSignal;
  /** Told of each step that it begins. */
  readonly onStep: (step: string) => void;
}

/** Throws for an exit code other than 0, with what it said and advised. */
export async function runScript(place: Workplace, { words, signal, onStep }: ScriptRun): Promise<void> {
  const onLine = (line: string): void => {
    const step = /^restore\.sh: ([a-z-]+)$/.exec(line)?.[1];
    if (step !== undefined) onStep(step);
  };
  const ended = await place.run([place.path(`${BUNDLE}/${SCRIPT}`), ...words], { signal, onLine });
  if (ended.code === 0) return;
  const hint = ended.lines.findLast((line) => line.startsWith("  next: "))?.slice("  next: ".length);
  throw new LifeboatError(codeOf(ended), `restore.sh ${words[0]} failed: ${whatItSaid(place, ended)}`, hint === undefined ? {} : { hint });
}

function codeOf({ code, lines }: Ended): ErrorCode {
  return lines.some((line) => /no space left|bytes free, and|could not take the snapshot/i.test(line))
    ? "store/full"
    : (CODES[code] ?? "output/failed");
}

function whatItSaid(place: Workplace, { code, lines }: Ended): string {
  const said =
    lines.findLast((line) => line.startsWith("restore.sh: ") && !/^restore\.sh: [a-z-]+$/.test(line))?.slice("restore.sh: ".length) ??
    lines.at(-1);
  // The folder is gone when anybody reads this.
  return said?.replaceAll(`${place.folder}/`, "") ?? `it ended with ${code}`;
}
