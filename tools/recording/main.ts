import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { terminalSvg } from "./terminal-svg.ts";
import type { RecordedLine } from "./terminal-svg.ts";

/** `npm run record`: runs the demo, and writes what its commands printed, and when, to docs/demo.svg. */

const ROOT = new URL("../../", import.meta.url);
/** The commands that are shown, with what they print. */
const SHOWN = /^\$ lifeboat (backup|ls|verify|export) /;
/** What came of etcdutl's restore, whose own log is left out. */
const COMPARED = /^== Compared with the source/;
/** A reader's pace: no line stays away for longer than this. */
const LONGEST_PAUSE_MS = 1_500;

const demo = spawn(process.execPath, ["--disable-warning=DEP0123", "tools/demo/main.ts"], {
  cwd: fileURLToPath(ROOT),
  stdio: ["ignore", "pipe", "inherit"],
});
const closed = once(demo, "close");
const lines: RecordedLine[] = [];
let [isShown, before, atMs] = [false, Date.now(), 0];
for await (const raw of createInterface({ input: demo.stdout })) {
  const text = stripVTControlCharacters(raw).trimEnd();
  if (text.startsWith("$ ")) isShown = SHOWN.test(`${text} `);
  if (text.startsWith("== ")) isShown = COMPARED.test(text);
  if (text === "" || !isShown) continue;
  const now = Date.now();
  atMs += Math.min(Math.max(now - before, 40), LONGEST_PAUSE_MS);
  before = now;
  lines.push({ text: text.replace(/^== /, "# "), atMs });
}
const [code] = (await closed) as [number | null];
if (code !== 0) throw new Error(`the demo ended with exit code ${code}`);
await writeFile(new URL("docs/demo.svg", ROOT), terminalSvg(lines, 106, "lifeboat backs up a cluster, verifies and exports the snapshot"));
