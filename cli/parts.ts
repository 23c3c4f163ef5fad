import { isAscii } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";
import { codeCacheFile, readCodeCache, writeCodeCache } from "./code-cache.ts";
import type { CachedCode } from "./code-cache.ts";
import { underUsualFlags } from "./steady-memory.ts";
import type { Environment } from "../shared/config/secrets.ts";

/** Runs from which a cache learns which functions a command needs: the second has what the first one found nothing of, such as an earlier snapshot. */
const LEARNING_RUNS = 2;

/** What a part of the program is called with: as Node calls a CommonJS module, and its URL (see tools/pack/command.ts). */
const PARAMETERS = "exports, require, module, __filename, __dirname, __url";
type PartFunction = (
  exports: object,
  require: (name: string) => unknown,
  module: { exports: object },
  filename: string,
  directory: string,
  url: string,
) => void;

interface Part {
  readonly module: { exports: object };
  readonly script: Script;
  readonly sourceCrc32: number;
}

/**
 * The parts of the built command, which lie in `folder`. They are loaded here and not by Node since its own compile cache holds what is compiled at once when a file is read; most functions
 * are compiled when they are first called, which takes a third of the time of a short command. V8's code cache can hold those as well, where it is made after they ran:
 * https://v8.dev/blog/code-caching-for-devs, https://nodejs.org/api/vm.html#scriptcreatecacheddata.
 */
export class Parts {
  readonly #folder: string;
  readonly #loaded = new Map<string, Part>();
  readonly #cacheFile: string | undefined;
  readonly #cached: CachedCode;
  readonly #nodeRequire: NodeJS.Require;

  /** `args` tell which command's code is to be had. */
  constructor(folder: string, environment: Environment, args: readonly string[]) {
    this.#folder = folder;
    this.#nodeRequire = createRequire(join(folder, "main.js"));
    this.#cacheFile = codeCacheFile(environment, cacheNameOf(args));
    this.#cached = this.#cacheFile === undefined ? { runs: 0, parts: [] } : readCodeCache(this.#cacheFile);
  }

  /** What the part in the file `name` exports. */
  load(name: string): unknown {
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return loaded.module.exports;
    const filename = join(this.#folder, name);
    const bytes = readFileSync(filename);
    const sourceCrc32 = crc32(bytes);
    const cached = this.#cached.parts.find((each) => each.name === name && each.sourceCrc32 === sourceCrc32)?.data;
    // The build escapes what is beyond ASCII, but in comments, patterns and tagged templates it cannot. To read as latin1 is quicker, and V8 then keeps one byte for each character.
    const text = bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
    const source = `(function (${PARAMETERS}) { "use strict"; ${text}\n})`;
    const script = underUsualFlags(() => new Script(source, { filename, ...(cached === undefined ? {} : { cachedData: cached }) }));
    const module = { exports: {} };
    this.#loaded.set(name, { module, script, sourceCrc32 });
    const requirePart = (wanted: string): unknown => (wanted.startsWith("./") ? this.load(wanted.slice(2)) : this.#nodeRequire(wanted));
    const run = script.runInThisContext() as PartFunction;
    run(module.exports, requirePart, module, filename, this.#folder, pathToFileURL(filename).href);
    return module.exports;
  }

  /** Keeps the code for the next run, at the end of this one. */
  keep(endedWell: boolean): void {
    if (this.#cacheFile === undefined) return;
    const known = new Map(this.#cached.parts.map((part) => [part.name, part]));
    const isNew = [...this.#loaded].some(
      ([name, { script, sourceCrc32 }]) => known.get(name)?.sourceCrc32 !== sourceCrc32 || script.cachedDataRejected === true,
    );
    const runs = isNew ? 0 : this.#cached.runs;
    if (!isNew && (!endedWell || runs >= LEARNING_RUNS)) return;
    const parts = [...this.#loaded].map(([name, { script, sourceCrc32 }]) => {
      const data = underUsualFlags(() => script.createCachedData());
      const before = known.get(name);
      // A run of many collections of garbage has lost what it ran long ago.
      const isLess = before?.sourceCrc32 === sourceCrc32 && script.cachedDataRejected !== true && before.data.length > data.length;
      return isLess ? before : { name, sourceCrc32, data };
    });
    // Of this build, and not needed this time.
    const others = this.#cached.parts.filter(({ name }) => !this.#loaded.has(name) && existsSync(join(this.#folder, name)));
    writeCodeCache(this.#cacheFile, { runs: runs + (endedWell ? 1 : 0), parts: [...parts, ...others] });
  }
}

/** Each command has a cache of its own; what begins with an option, and all help, share one. */
function cacheNameOf(args: readonly string[]): string {
  const [first = ""] = args;
  return /^[a-z]{2,20}$/.test(first) && !args.includes("--help") && !args.includes("-h") ? first : "help";
}
