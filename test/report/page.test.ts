import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { reportData } from "../../shared/contract/report.ts";
import type { ClusterReport } from "../../shared/contract/report.ts";
import { calendar, strip, summaryText } from "../../shared/report/calendar.ts";
import { markup } from "../../shared/report/markup.ts";
import { isPage, page } from "../../shared/report/page.ts";
import { standingsOf } from "../../shared/report/standing.ts";
import { fleetOf, hostileFleet } from "../support/report-fleet.ts";

test("the policy of a page allows its own style by its hash, and nothing that runs", () => {
  const text = page(fleetOf(3));
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1] ?? "";
  const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  expect(policy).toBe(`default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`);
  expect(text).not.toMatch(/<script|<link rel="stylesheet"|\sstyle=|\son\w+=/);
  expect(isPage(text)).toBe(true);
});

test("what begins with anything else is no page of ours", () => {
  const text = page(fleetOf(1));
  expect(isPage(text.replace("<head>", "<head><script>alert(1)</script>"))).toBe(false);
  expect(isPage(text.replace("default-src 'none'", "default-src *"))).toBe(false);
  expect(isPage(text.replace(/sha256-[^']*/, "unsafe-inline"))).toBe(false);
  expect(isPage(text.replace("form-action 'none'", "form-action 'none'; script-src 'unsafe-inline'"))).toBe(false);
  expect(isPage("")).toBe(false);
});

test("the same facts make the same page, and are as the contract has them", () => {
  for (const data of [fleetOf(5), hostileFleet()]) {
    expect(reportData.safeParse(data).error?.issues).toBeUndefined();
    expect(page(data)).toBe(page(structuredClone(data)));
  }
});

test("a string is text, and markup is markup", () => {
  const name = `<b onclick='x'>"a" & b</b>`;
  const text = "&lt;b onclick=&#39;x&#39;&gt;&quot;a&quot; &amp; b&lt;/b&gt;";
  expect(markup`<i title="${name}">${markup`<u>${1}</u>`}${[name, undefined]}</i>`.text).toBe(`<i title="${text}"><u>1</u>${text}</i>`);
  const invisible = "a\u202eb\u0007c\u200bd\udc00\u{e0041}";
  expect(markup`${invisible}`.text).toBe(String.raw`a\u202eb\u0007c\u200bd`.concat("\ufffd", String.raw`\ue0041`));
});

const DAY_MS = 86_400_000;
const NOTHING = { good: 0, unproven: 0, failed: 0, missed: 0 };
const MONDAY = Date.UTC(2026, 10, 23);

test("a calendar says in words what it shows, and draws a state only where there is one", () => {
  const days = [{ ...NOTHING, good: 24 }, { ...NOTHING, good: 23, missed: 1 }, { ...NOTHING, failed: 2 }, NOTHING].map((tally, index) => ({
    ...tally,
    day: MONDAY + index * DAY_MS,
  }));
  expect(summaryText(days)).toBe("4 days: 1 all good, 1 with failed backups, 1 with missed backups");
  for (const drawn of [calendar(days, { hasTitles: false }).text, strip(days).text]) {
    expect(drawn).toContain(`aria-label="${summaryText(days)}"`);
    expect(new Set(drawn.match(/<path class="\w+"/g))).toEqual(
      new Set(["run", "good", "missed", "failed", "none"].map((state) => `<path class="${state}"`)),
    );
  }
  expect(calendar(days, { hasTitles: true }).text).toContain("<title>Tue 24 Nov 2026: 23 good, 1 missed</title>");
});

test("the worst stands first, and of two alike the one with more errors", () => {
  const standings = standingsOf(fleetOf(300));
  const order = standings.map(({ group }) => ["not", "unjudged", "loss", "ready"].indexOf(group));
  expect(order).toEqual(order.toSorted((one, other) => one - other));
  const errors = standings
    .filter(({ group }) => group === "not")
    .map(({ findings }) => findings.filter(({ severity }) => severity === "error").length);
  expect(errors).toEqual(errors.toSorted((one, other) => other - one));
  expect(new Set(standings.map(({ anchor }) => anchor)).size).toBe(300);
});

test("the first sentence counts the clusters that could come back", () => {
  const heading = (count: number): string => /<h1>(.*?)<\/h1>/.exec(page(fleetOf(count)).replaceAll("&#39;", "'"))?.[1] ?? "";
  expect([0, 1, 5].map(heading)).toEqual([
    "There is no cluster to report on.",
    "The only cluster is ready to come back.",
    "2 of 5 clusters are ready to come back.",
  ]);
  const [only] = fleetOf(1).clusters;
  const said = (change: Partial<ClusterReport>): string => {
    if (only === undefined) throw new Error("a fleet of one has a cluster");
    return /<h1>(.*?)<\/h1>/.exec(page({ ...fleetOf(1), clusters: [{ ...only, ...change }] }))?.[1] ?? "";
  };
  expect(said({ verdict: { word: "not ready", askedAt: null, lines: [] } })).toBe("The only cluster is not ready to come back.");
  expect(said({ verdict: { word: null, askedAt: null, lines: [] } })).toBe("The only cluster has a good backup within the rpo.");
  expect(said({ verdict: { word: null, askedAt: null, lines: [] }, good: null })).toBe(
    "The only cluster has no good backup within the rpo.",
  );
});

test("the sources of the page are ASCII: a bundler leaves a tagged template as it is, and the command reads its bundle byte by byte", async () => {
  const folder = new URL("../../shared/report/", import.meta.url);
  const texts = await Promise.all(
    (await readdir(folder)).map(async (name) => ({ name, text: await readFile(new URL(name, folder), "utf8") })),
  );
  expect(texts.filter(({ text }) => /[^\p{ASCII}]/u.test(text)).map(({ name }) => name)).toEqual([]);
});
