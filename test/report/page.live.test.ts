import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { AxeResults } from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { isPage, page as makePage } from "../../shared/report/page.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { openFile, startBrowser } from "../support/browser.ts";
import type { Opened } from "../support/browser.ts";
import { needs } from "../support/programs.ts";
import { fleetOf, hostileFleet } from "../support/report-fleet.ts";

/** The page of `lifeboat report` in a real browser. */

const MEGABYTE = 1_000_000;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** For a page to run. */
const unfolded = `for (const each of document.querySelectorAll("details")) each.open = true`;

/** How many rows of the table can be seen, and how many parts there are. By one script: to ask for each takes minutes of a thousand. */
const SEEN = `({
  rows: [...document.querySelectorAll(".fleet tbody tr")].filter((each) => each.checkVisibility()).length,
  parts: document.querySelectorAll("details.cluster").length,
})`;

describe.skipIf(needs("chromium"))("the page in Chromium", () => {
  let folder: TemporaryFolder;
  let browser: Browser;

  beforeAll(async () => {
    [folder, browser] = await Promise.all([temporaryFolder(), startBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await folder.remove();
  });

  async function open(text: string, options?: Parameters<typeof openFile>[2]): Promise<Opened> {
    const file = join(folder.path, "report.html");
    await writeFile(file, text);
    return openFile(browser, pathToFileURL(file).href, options);
  }

  test.each([1, 50, 1000])("a fleet of %i asks for nothing, says nothing, and shows each cluster", async (count) => {
    const data = fleetOf(count);
    const text = makePage(data);
    expect(Buffer.byteLength(text)).toBeLessThan(10 * MEGABYTE);
    const { page, complaints } = await open(text);
    expect(await page.evaluate(SEEN)).toEqual({ rows: count, parts: count });
    if (count > 1) {
      // Which rows are shown is chosen by the style alone.
      await page.locator("input[value=not]").check();
      const isNotReady = data.clusters.filter(({ verdict }) => verdict.word === "not ready");
      expect(await page.evaluate(SEEN)).toEqual({ rows: isNotReady.length, parts: count });
      const name = isNotReady.at(-1)?.name ?? "";
      await page.locator(`.fleet a[href="#cluster-${name}"]`).press("Enter");
      await expect
        .poll(() => page.evaluate(`document.getElementById("cluster-${name}").checkVisibility({ contentVisibilityAuto: true })`), {
          timeout: 20_000,
        })
        .toBe(true);
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test.each(["light", "dark"] as const)("axe finds nothing in a %s page", async (colorScheme) => {
    const { page } = await open(makePage(fleetOf(9)), { colorScheme });
    await page.evaluate(unfolded);
    await page.evaluate(axe);
    const { violations } = await page.evaluate<Pick<AxeResults, "violations">>("axe.run({ resultTypes: ['violations'] })");
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}: ${nodes[0]?.failureSummary ?? ""}`)).toEqual([]);
    await page.context().close();
  });

  test("names and messages that want to be more are text", async () => {
    const data = hostileFleet();
    const { page, complaints } = await open(makePage(data));
    const title = await page.title();
    await page.evaluate(unfolded);
    expect(complaints).toEqual([]);
    expect(await page.title()).toBe(title);
    expect(await page.locator("script, img, iframe, object, embed, form, base, [style]").count()).toBe(0);
    expect(await page.locator("style").count()).toBe(1);
    const attributes = await page.evaluate<string[]>(`[...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames())`);
    expect(attributes.filter((name) => name.startsWith("on"))).toEqual([]);
    const links = await page.evaluate<string[]>(`[...document.querySelectorAll("a, use")].map((each) => each.getAttribute("href"))`);
    expect(links.filter((href) => !href.startsWith("#"))).toEqual([]);
    // What cannot be seen, or turns around what follows, is shown by its number.
    expect(await page.locator(".fleet tbody tr").allInnerTexts()).toContainEqual(
      expect.stringContaining(String.raw`prod\u202egnp.exe\u0000\u200bx`),
    );
    for (const { name } of data.clusters.slice(0, 5)) expect(await page.getByRole("heading", { name, exact: true }).count()).toBe(1);
    await page.context().close();
  });

  test("whatever is written into a page after its beginning does not run, and asks for nothing", async () => {
    const text = makePage(fleetOf(1));
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = z.object({ port: z.int() }).parse(server.address());
    const planted = text
      .replace("</head>", `<script>document.title = "owned"</script></head>`)
      .replace(
        "</body>",
        `<img src="http://127.0.0.1:${port}/x" onerror="document.title = 'owned'"><style>body{display:none}</style></body>`,
      );
    expect(isPage(planted)).toBe(true);
    const { page, complaints } = await open(planted);
    expect(await page.title()).toMatch(/^Backups of /);
    expect(await page.locator("h1").isVisible()).toBe(true);
    expect(complaints.filter((each) => each.includes("Content Security Policy"))).toHaveLength(4);
    expect(asked).toBe(0);
    await page.context().close();
  });

  test.each([
    ["phone", 360],
    ["tablet", 768],
    ["desktop", 1280],
  ])("nothing is wider than a %s", async (_, width) => {
    for (const data of [fleetOf(8), hostileFleet()]) {
      const { page } = await open(makePage(data), { viewport: { width, height: 800 } });
      await page.evaluate(unfolded);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      await page.context().close();
    }
  });

  test("on paper all is unfolded, and in black on white", async () => {
    const { page } = await open(makePage(fleetOf(12)), { colorScheme: "dark" });
    await page.emulateMedia({ media: "print" });
    expect(
      await page.evaluate(
        `[...document.querySelectorAll("details.cluster .figures")].filter((each) => each.getBoundingClientRect().height > 100).length`,
      ),
    ).toBe(12);
    expect(await page.locator(".filter").isVisible()).toBe(false);
    expect(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    await page.context().close();
  });
});
