import { readFile } from "node:fs/promises";

const RUNBOOK = await readFile(new URL("../../../docs/runbook.md", import.meta.url), "utf8");

/** The blocks of a chapter of docs/runbook.md that have a name, and which of them were asked for. */
export class RunbookChapter {
  readonly #blocks: ReadonlyMap<string, string>;
  readonly #run = new Set<string>();
  /** How many blocks there are, with a name or without. */
  readonly count: number;

  constructor(heading: string) {
    const from = RUNBOOK.indexOf(`\n## ${heading}\n`);
    const text = RUNBOOK.slice(from, RUNBOOK.indexOf("\n## ", from + 1));
    this.count = [...text.matchAll(/^```sh$/gm)].length;
    this.#blocks = new Map(
      [...text.matchAll(/<!-- test: ([a-z ]+) -->\n```sh\n([\s\S]*?)```/g)].map(([, name = "", block = ""]) => [name, block]),
    );
  }

  get names(): readonly string[] {
    return [...this.#blocks.keys()];
  }

  get notRun(): readonly string[] {
    return this.names.filter((name) => !this.#run.has(name));
  }

  block(name: string): string {
    const text = this.#blocks.get(name);
    if (text === undefined) throw new Error(`docs/runbook.md has no block "${name}"`);
    this.#run.add(name);
    return text;
  }
}
