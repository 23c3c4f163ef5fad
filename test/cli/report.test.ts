import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { reportDocument } from "../../shared/contract/report.ts";
import { REPORT_KEY } from "../../shared/documents/layout.ts";
import { publishReport } from "../../shared/jobs/audit/published-report.ts";
import { isPage, page } from "../../shared/report/page.ts";
import { DirectoryBlobStore } from "../../shared/store/directory/directory-store.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { growPlace } from "../support/grown-place.ts";
import type { GrownPlace } from "../support/grown-place.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import type { Outcome } from "../support/lifeboat.ts";
import { fitting, saying } from "../support/matchers.ts";
import { fleetOf } from "../support/report-fleet.ts";

/** `lifeboat report` as a person types it. */

let folder: TemporaryFolder;
let grown: GrownPlace;
beforeAll(async () => {
  folder = await temporaryFolder();
  grown = await growPlace(join(folder.path, "grown"));
});
afterAll(() => folder.remove());

const run = (line: string, options: { columns?: number; env?: Record<string, string> } = {}): Promise<Outcome> =>
  lifeboatHere(line.split(" "), { cwd: grown.cwd, ...options });
const json = ({ stdout }: Outcome): ReturnType<typeof reportDocument.parse> => reportDocument.parse(JSON.parse(stdout));
const read = (name: string): Promise<string> => readFile(join(grown.cwd, name), "utf8");

describe("--out", () => {
  test("writes a page of what is stored, for this user alone", async () => {
    const { code, stdout, stderr } = await run("report --out report.html");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^wrote report\.html: 1 cluster, 0 ready, \d+ findings, [\d.]+ KiB\n$/);
    const text = await read("report.html");
    expect(isPage(text)).toBe(true);
    expect(text).toContain("<dd>6 snapshots, 6 good");
    expect(text).toContain(`<code>${grown.ids.at(-1)}</code>`);
    expect(text).toMatch(/aria-label="\d days: /);
    expect((await stat(join(grown.cwd, "report.html"))).mode & 0o777).toBe(0o600);
  });

  test("writes over nothing, and says where it can go", async () => {
    await writeFile(join(grown.cwd, "mine.html"), "mine");
    expect(await run("report --out mine.html")).toMatchObject({
      code: 2,
      stderr: saying("mine.html is already there, and nothing is overwritten"),
    });
    expect(await read("mine.html")).toBe("mine");
    expect(await run("report")).toMatchObject({ code: 2, stderr: saying("give --out report.html") });
  });

  test("as JSON it counts what the page shows", async () => {
    const document = json(await run("report prod --out counted.html --json"));
    expect(document).toMatchObject({ file: join(grown.cwd, "counted.html"), opened: false, clusters: { all: 1, ready: 0 } });
    expect(document.bytes).toBe((await stat(document.file)).size);
  });

  test("- is standard output, and no terminal", async () => {
    const { code, stdout } = await run("report --out -");
    expect([code, isPage(stdout), stdout.endsWith("</html>\n")]).toEqual([0, true, true]);
    expect(await run("report --out -", { columns: 80 })).toMatchObject({ code: 2, stdout: "" });
    expect(await run("report --out - --json")).toMatchObject({ code: 2 });
  });

  test.each(["0", "183", "x", "1.5"])("--days %s is refused", async (days) => {
    expect(await run(`report --out days.html --days ${days}`)).toMatchObject({
      code: 2,
      stderr: saying("give one from 1 to 182"),
    });
  });

  test("a cluster that is nowhere is refused", async () => {
    expect(await run("report nowhere --out nowhere.html")).toMatchObject({ code: 2, stderr: saying("nowhere") });
  });
});

describe("--open", () => {
  const vault = (): string => join(grown.cwd, "vault");

  test("says how a page comes about where there is none", async () => {
    expect(await run("report --open")).toMatchObject({ code: 2, stderr: fitting(/there is no report in .*\n.*every hour/) });
  });

  test("fetches the page that the service wrote, and without a desktop prints where it is", async () => {
    vi.stubEnv("TMPDIR", folder.path);
    onTestFinished(() => void vi.unstubAllEnvs());
    const text = page(fleetOf(2));
    await publishReport(new DirectoryBlobStore(vault(), randomBytes), text);
    const { code, stdout, stderr } = await run("report --open", { env: { DISPLAY: "", WAYLAND_DISPLAY: "" } });
    const file = stdout.trim();
    expect([code, await readFile(file, "utf8")]).toEqual([0, text]);
    expect(file.startsWith(join(folder.path, "lifeboat-report-"))).toBe(true);
    expect(stderr).toMatch(/^lifeboat: there is no desktop here: the page of \d{4}-.*Z is in that file\n$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(file))).toEqual(["report.html"]);
    const named = json(await run("report --open --out fetched.html --json", { env: { DISPLAY: "", WAYLAND_DISPLAY: "" } }));
    expect(named).toMatchObject({ file: join(grown.cwd, "fetched.html"), opened: false, clusters: null, findings: null });
  });

  test("hands the page to the desktop's own way of opening files", async () => {
    await writeFile(
      join(grown.cwd, "xdg-open"),
      `#!/bin/sh\nprintf %s "$1" > "${grown.cwd}/shown.part"\nmv "${grown.cwd}/shown.part" "${grown.cwd}/shown"\n`,
      { mode: 0o755 },
    );
    const { stdout } = await run("report --open --out shown.html", { env: { DISPLAY: ":0", PATH: `${grown.cwd}:${process.env["PATH"]}` } });
    expect(stdout).toMatch(/^opened .*\/shown\.html, of \d{4}-.*Z\n$/);
    await expect.poll(() => read("shown").catch(() => undefined), { timeout: 10_000 }).toBe(join(grown.cwd, "shown.html"));
  });

  test("opens nothing that a browser would run", async () => {
    await writeFile(join(vault(), REPORT_KEY), "<!doctype html><script>alert(1)</script>");
    expect(await run("report --open --out forged.html")).toMatchObject({
      code: 4,
      stderr: saying("is no page of lifeboat's, and is not opened"),
    });
    expect(await readdir(grown.cwd)).not.toContain("forged.html");
  });

  test("takes no clusters, and no standard output", async () => {
    expect(await run("report prod --open")).toMatchObject({ code: 2 });
    expect(await run("report --open --out -")).toMatchObject({ code: 2 });
  });
});
