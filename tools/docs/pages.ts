import { fileURLToPath } from "node:url";
import { readFile } from "node:fs/promises";
import { apiPage } from "./api-page.ts";
import { withCodes } from "./audit-codes.ts";
import { withFieldTables } from "./field-tables.ts";

const ROOT = new URL("../../", import.meta.url);

/** The pages that are generated, wholly or in parts, as they should be. */
export const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  "docs/cli.md": async () => withFieldTables(await readFile(new URL("docs/cli.md", ROOT), "utf8")),
  "docs/audit.md": async () => withCodes(await readFile(new URL("docs/audit.md", ROOT), "utf8")),
  "docs/api-infra.md": () => apiPage(fileURLToPath(new URL("infra/index.ts", ROOT))),
};
