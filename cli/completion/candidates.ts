import type { Command, Option } from "commander";

/** What can stand where the cursor is. */
export interface Completion {
  /** `files` and `folders` are left to the shell; `open` words are not whole yet, so no space follows. */
  readonly kind: "words" | "open" | "files" | "folders";
  readonly words: readonly Candidate[];
}

export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

/** Names from outside the command line. An answer that cannot be had, or not quickly, is none. */
export interface Lookups {
  clusters(): Promise<readonly string[]>;
  replicas(): Promise<readonly string[]>;
  /** The clusters of which something is stored. */
  storedClusters(): Promise<readonly string[]>;
  /** A cluster's snapshot ids, oldest first. */
  ids(cluster: string): Promise<readonly string[]>;
}

const NOTHING: Completion = { kind: "words", words: [] };

/** Completes the last of `words`, which are what was typed after `lifeboat` up to the cursor; the last one is empty after a space. */
export async function complete(program: Command, words: readonly string[], lookups: Lookups): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const { command, option, position } = read(program, words.slice(0, -1));
  if (command === undefined) return NOTHING;
  const found =
    option === undefined ? await completeWord(program, command, position, current, lookups) : await completeValue(option, lookups);
  return { ...found, words: found.words.filter(({ word }) => word.startsWith(current)) };
}

/** The value of --config given so far. */
export function configIn(words: readonly string[]): string | undefined {
  const at = words.lastIndexOf("--config");
  return at === -1 ? words.findLast((word) => word.startsWith("--config="))?.slice("--config=".length) : words[at + 1];
}

interface Reading {
  /** The program itself before a command is named; undefined after a name that is none. */
  readonly command: Command | undefined;
  /** The flag whose value comes next. */
  readonly option: Option | undefined;
  /** How many arguments of the command there are before. */
  readonly position: number;
}

function read(program: Command, words: readonly string[]): Reading {
  let command: Command | undefined = program;
  let option: Option | undefined;
  let position = 0;
  for (const word of words) {
    if (option !== undefined) {
      option = undefined;
    } else if (word.startsWith("-")) {
      const known = optionsOf(program, command).find((each) => each.long === word || each.short === word);
      option = known?.required === true ? known : undefined;
    } else if (command === program && word === "help") {
      // The name of a command follows.
    } else if (command !== undefined && command.commands.length > 0) {
      command = command.commands.find((each) => each.name() === word);
    } else {
      position++;
    }
  }
  return { command, option, position };
}

function optionsOf(program: Command, command: Command | undefined): readonly Option[] {
  const helper = program.createHelp();
  if (command === undefined || command === program) return helper.visibleOptions(program);
  return [...helper.visibleOptions(command), ...program.options.filter(({ long }) => long !== "--version")];
}

/** The name of a flag's value says what it is: `--out <file>`. */
async function completeValue({ flags }: Option, lookups: Lookups): Promise<Completion> {
  if (flags.includes("<file>")) return { kind: "files", words: [] };
  if (flags.includes("<folder>")) return { kind: "folders", words: [] };
  if (flags.includes("<replica>")) return wordsOf(await lookups.replicas());
  return NOTHING;
}

async function completeWord(program: Command, command: Command, position: number, current: string, lookups: Lookups): Promise<Completion> {
  if (current.startsWith("-")) {
    const flags = optionsOf(program, command).map((each) => ({ word: each.long ?? each.flags, about: each.description }));
    return { kind: "words", words: flags };
  }
  if (command.commands.length > 0) {
    const commands = program.createHelp().visibleCommands(command);
    return { kind: "words", words: commands.map((each) => ({ word: each.name(), about: each.summary() })) };
  }
  const argument = command.registeredArguments[position];
  switch (argument?.name() ?? "") {
    case "cluster":
      return wordsOf(await lookups.clusters());
    case "ref":
      return completeRef(current, lookups);
    case "ref|file": {
      // Files where what was typed cannot become a ref any more.
      const heads = (await lookups.storedClusters()).map((name) => `${name}/`);
      const isRef = heads.some((head) => head.startsWith(current) || current.startsWith(head));
      return isRef ? completeRef(current, lookups) : { kind: "files", words: [] };
    }
    default:
      return wordsOf(argument?.argChoices ?? []);
  }
}

/** The cluster first: there may be thousands of snapshots. */
async function completeRef(current: string, lookups: Lookups): Promise<Completion> {
  const cluster = current.split("/", 1)[0] ?? "";
  if (current.length > cluster.length) return wordsOf(["latest", "good", ...(await lookups.ids(cluster))].map((id) => `${cluster}/${id}`));
  return { ...wordsOf((await lookups.storedClusters()).map((name) => `${name}/`)), kind: "open" };
}

function wordsOf(words: readonly string[]): Completion {
  return { kind: "words", words: words.map((word) => ({ word })) };
}
