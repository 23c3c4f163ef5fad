import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { EXIT_CODES } from "../../../cli/exit-codes.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";

const COMMANDS = [
  "init",
  "preflight",
  "backup",
  "ls",
  "check",
  "ready",
  "audit",
  "metrics",
  "report",
  "show",
  "status",
  "find",
  "get",
  "diff",
  "impact",
  "verify",
  "copy",
  "pin",
  "unpin",
  "prune",
  "export",
  "bundle",
  "drill",
  "recipients",
  "node-files",
  "keys",
  "rewrap",
  "catalog",
  "custody",
  "lineage",
  "plan",
  "orphans",
  "fleet",
  "doctor",
  "invoke",
  "completion",
];

const OPTIONS = { cwd: "/" };

describe("help", () => {
  test("every command has one, with an example, within 80 columns and without colours", async () => {
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await lifeboatHere([command, "--help"], OPTIONS);
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
      expect(stdout).toContain(`$ lifeboat ${command}`);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).not.toContain("\u001B");
    }
  });

  test("help COMMAND is COMMAND --help, and help alone is --help", async () => {
    for (const [line, same] of [
      [
        ["help", "backup"],
        ["backup", "--help"],
      ],
      [
        ["--json", "help", "ls"],
        ["ls", "--help"],
      ],
      [["help"], ["--help"]],
    ] as const)
      expect(await lifeboatHere(line, OPTIONS)).toEqual(await lifeboatHere(same, OPTIONS));
  });

  test("the exit codes in the help and in docs/cli.md are the code's", async () => {
    const { stdout } = await lifeboatHere(["--help"], OPTIONS);
    const docs = await readFile(new URL("../../../docs/cli.md", import.meta.url), "utf8");
    for (const [code, meaning] of Object.entries(EXIT_CODES)) {
      expect(stdout).toContain(`${code.padStart(5)}  ${meaning}`);
      expect(docs).toContain(`| ${code} | ${meaning} |`);
    }
    for (const command of COMMANDS) {
      expect(stdout).toContain(`  ${command}`);
      expect(docs).toContain(`[\`lifeboat ${command}\`](commands/${command}.md)`);
    }
  });
});
