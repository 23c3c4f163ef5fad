import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { apiPage } from "./api-page.ts";
import { withCodes } from "./audit-codes.ts";
import { commandPages, withCommandList, withUsage } from "./commands.ts";
import { withFieldTables, withoutTable } from "./field-tables.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (file: string): Promise<string> => readFile(new URL(file, ROOT), "utf8");

const commands = (await commandPages(new URL("docs/commands/", ROOT))).map((name) => `docs/commands/${name}.md`);
const missing = withoutTable(await Promise.all(["docs/cli.md", ...commands].map(read)));
if (missing.length > 0) throw new Error(`no marker for the fields of ${missing.join(", ")}`);

/** The pages that are generated, wholly or in parts, as they should be. */
export const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  "docs/cli.md": async () => withFieldTables(await withCommandList(await read("docs/cli.md")), onPageOf("docs/cli.md")),
  ...Object.fromEntries(commands.map((file) => [file, async () => withFieldTables(await withUsage(await read(file)), onPageOf(file))])),
  "docs/audit.md": async () => withCodes(await read("docs/audit.md")),
  "docs/api-infra.md": () => apiPage(fileURLToPath(new URL("infra/index.ts", ROOT))),
};

/** Fields refer to `#lifeboat-NAME`, which is a page of its own, to headings of docs/cli.md, and to pages beside it. */
function onPageOf(page: string): (target: string) => string {
  const isCommand = page.startsWith("docs/commands/");
  return (target) => {
    const command = /^#lifeboat-([a-z-]+)$/.exec(target)?.[1];
    if (command !== undefined) return isCommand ? `${command}.md` : `commands/${command}.md`;
    if (!isCommand || /^[a-z]+:/.test(target)) return target;
    return target.startsWith("#") ? `../cli.md${target}` : `../${target}`;
  };
}
