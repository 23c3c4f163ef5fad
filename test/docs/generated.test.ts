import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { PAGES } from "../../tools/docs/pages.ts";

test.each(Object.entries(PAGES))("%s is as npm run docs writes it", async (file, page) => {
  const there = await readFile(new URL(`../../${file}`, import.meta.url), "utf8");
  const made = await page();
  if (there !== made) throw new Error(`${file} is stale: run npm run docs, and look at what changed`);
  expect(there).toBe(made);
});
