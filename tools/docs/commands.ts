import { readdir } from "node:fs/promises";
import { Command } from "commander";
import { COMMANDS } from "../../cli/program.ts";

/** What the pages of docs/commands say from the commands' own definitions: the list of them, and how each is called. */

const USAGE = /<!-- usage of ([a-z-]+): npm run docs -->\n[\s\S]*?<!-- end of usage -->/g;
const LIST = /<!-- commands: npm run docs -->\n[\s\S]*?<!-- end of commands -->/;

/** The pages of docs/commands, by the name of their command. Throws where a command has none, and for one of no command. */
export async function commandPages(folder: URL): Promise<readonly string[]> {
  const names = (await readdir(folder)).map((file) => file.replace(/\.md$/, ""));
  const [missing, strange] = [
    Object.keys(COMMANDS).filter((name) => !names.includes(name)),
    names.filter((name) => !Object.hasOwn(COMMANDS, name)),
  ];
  if (missing.length > 0) throw new Error(`docs/commands has no page of ${missing.join(", ")}`);
  if (strange.length > 0) throw new Error(`docs/commands has pages of no command: ${strange.join(", ")}`);
  return names;
}

/** `page` with the list of commands between its markers as it should be. */
export async function withCommandList(page: string): Promise<string> {
  const rows = await Promise.all(
    Object.keys(COMMANDS).map(async (name) => `| [\`lifeboat ${name}\`](commands/${name}.md) | ${(await definitionOf(name)).summary()} |`),
  );
  return page.replace(
    LIST,
    ["<!-- commands: npm run docs -->", "| command | what it does |", "| --- | --- |", ...rows, "<!-- end of commands -->"].join("\n"),
  );
}

/** `page` with the usage of its command between its markers as it should be: what `--help` prints, without its description. */
export async function withUsage(page: string): Promise<string> {
  const [marker] = [...page.matchAll(USAGE)];
  if (marker === undefined) throw new Error("a page of docs/commands has no marker for its usage");
  const [block, name = ""] = marker;
  const help = helpOf(await definitionOf(name), []).join("\n\n");
  return page.replace(block, () => `<!-- usage of ${name}: npm run docs -->\n\`\`\`text\n${help}\n\`\`\`\n<!-- end of usage -->`);
}

async function definitionOf(name: string): Promise<Command> {
  const load = COMMANDS[name];
  if (load === undefined) throw new Error(`${name} is no command`);
  const program = new Command("lifeboat");
  (await load())(program, async () => {});
  const [command] = program.commands;
  if (command === undefined) throw new Error(`${name} adds no command`);
  return command;
}

/** Its usage and options, and those of the commands below it. */
function helpOf(command: Command, above: readonly string[]): readonly string[] {
  const path = [...above, command.name()];
  const help = command.createHelp();
  help.helpWidth = 100;
  const usage = `lifeboat ${path.join(" ")} ${command.usage()}`.trimEnd();
  const rows = [
    ...help.visibleArguments(command).map((each) => [help.argumentTerm(each), help.argumentDescription(each)] as const),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== "--help")
      .map((each) => [help.optionTerm(each), help.optionDescription(each)] as const),
  ];
  const width = Math.max(0, ...rows.map(([term]) => term.length));
  const lines = rows.map(([term, description]) => help.formatItem(term, width, description, help));
  const own = command.commands.length > 0 && rows.length === 0 ? [] : [[usage, ...lines].join("\n")];
  return [...own, ...command.commands.filter((each) => each.name() !== "help").flatMap((each) => helpOf(each, path))];
}
