import type { Architecture, Distribution } from "../shared/bundle/plan.ts";
import { LEAST_VALID_MS, MOST_VALID_MS } from "../shared/bundle/plan.ts";
import { parseDuration } from "../shared/config/durations.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { isClusterName } from "../shared/documents/layout.ts";
import { LifeboatError } from "../shared/errors.ts";

/** What is typed behind `lifeboat bundle`. */
export interface BundleOptions {
  readonly recipient: readonly string[];
  readonly unenrolled: readonly string[];
  readonly nodes?: string;
  readonly printNodes?: boolean;
  readonly arch?: string;
  readonly for?: string;
  readonly valid: string;
  readonly reason?: string;
  readonly out?: string;
  readonly withPayload?: boolean;
  readonly withoutNodeFiles?: boolean;
  readonly publish?: boolean;
  readonly renew?: boolean;
  readonly time?: string;
  readonly from?: string;
  readonly inspect?: string;
  readonly fingerprint?: string;
  readonly identity?: string;
}

/** For options that may be given several times. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** What only a new bundle has. */
const OF_MAKING = [
  "unenrolled",
  "reason",
  "out",
  "withPayload",
  "publish",
  "nodes",
  "printNodes",
  "arch",
  "for",
  "withoutNodeFiles",
] as const;

/** What belongs to one way of using the command is refused in another, before anything is read. */
export function requireOneMode(ref: string | undefined, options: BundleOptions): void {
  const given = (names: readonly (keyof BundleOptions)[]): string | undefined => {
    const name = names.find((each) => {
      const value = options[each];
      return value !== undefined && (!Array.isArray(value) || value.length > 0);
    });
    return name?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  };
  if (options.inspect !== undefined) {
    const stray = ref ?? given(["recipient", "renew", "time", "from", ...OF_MAKING]);
    if (stray !== undefined)
      throw new LifeboatError(
        "usage",
        `--inspect looks at a folder alone, and ${stray === ref ? `"${ref}"` : `--${stray}`} was given too`,
        {
          hint: "lifeboat bundle --inspect FOLDER [--fingerprint sha256:...] [--identity FILE]",
        },
      );
    return;
  }
  const stray = given(["fingerprint", "identity"]);
  if (stray !== undefined)
    throw new LifeboatError("usage", `--${stray} goes with --inspect`, { hint: "lifeboat bundle --inspect FOLDER checks a bundle" });
  if (options.renew === true) {
    const making = given(OF_MAKING);
    if (making === undefined) return;
    throw new LifeboatError("usage", `--renew makes no bundle, and --${making} was given too`, {
      hint: "lifeboat bundle [REF] --renew [--recipient NAME] [--time TIME] [--valid DURATION]",
    });
  }
  if (options.printNodes === true) {
    const making = given(OF_MAKING.filter((each) => each !== "printNodes")) ?? given(["recipient", "time"]);
    if (making === undefined) return;
    throw new LifeboatError("usage", `--print-nodes makes no bundle, and --${making} was given too`, {
      hint: "lifeboat bundle [REF] --print-nodes > nodes.yaml, then lifeboat bundle [REF] --nodes nodes.yaml ...",
    });
  }
  if (options.time !== undefined)
    throw new LifeboatError("usage", "--time goes with --renew", {
      hint: "for a snapshot of a certain time: lifeboat bundle CLUSTER@TIME",
    });
  if (options.publish === true && options.out !== undefined)
    throw new LifeboatError("usage", "--publish and --out are two places for the files", {
      hint: "give one of them; --out FOLDER --with-payload has all that a node needs",
    });
  if (options.withPayload === true && options.out === undefined)
    throw new LifeboatError("usage", "--with-payload needs --out FOLDER", { hint: "name the folder that the data goes into" });
}

/** A cluster's name stands for its newest good snapshot, and nothing for that of the only cluster. */
export function refOf(loaded: LoadedConfig, typed: string | undefined): string {
  const ref = typed ?? onlyCluster(loaded);
  return isClusterName(ref) ? `${ref}/good` : ref;
}

export function onlyCluster({ config, file }: LoadedConfig): string {
  const [only, ...others] = Object.keys(config.clusters);
  if (only !== undefined && others.length === 0) return only;
  throw new LifeboatError("usage", `${file} has ${only === undefined ? "no cluster" : "several clusters"}: name the snapshot`, {
    hint: only === undefined ? "lifeboat bundle CLUSTER/ID" : `for the newest good one of a cluster: lifeboat bundle ${only}/good`,
  });
}

/** `--valid`, in milliseconds. Throws `usage`. */
export function validFor(text: string, mostMs = MOST_VALID_MS): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < LEAST_VALID_MS || ms > mostMs)
    throw new LifeboatError("usage", `--valid "${text}" is not a duration from 1h to ${mostMs / (24 * LEAST_VALID_MS)}d`, {
      hint: "give one such as 12h or 3d",
    });
  return ms;
}

/** The word that an option was given. Throws `usage`. */
export function oneOf<Word extends Architecture | Distribution>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word === undefined)
    throw new LifeboatError("usage", `--${option} "${text}" is none of ${words.join(", ")}`, { hint: `give --${option} ${words[0]}` });
  return word;
}
