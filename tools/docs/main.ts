import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PAGES } from "./pages.ts";

/** `npm run docs`: writes what is generated in docs/. A test fails where a page is stale. */

for (const [file, page] of Object.entries(PAGES)) await writeFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), await page());
