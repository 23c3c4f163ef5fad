import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboat, lifeboatJson, putCommandInto } from "../support/lifeboat.ts";
import { needs } from "../support/programs.ts";

/** The scripts in real shells, asking the real command; what it answers is tried in test/cli/completion.test.ts. */

let folder: TemporaryFolder;
/** Where `lifeboat` is on PATH. */
let env: Record<string, string>;
/** Of a snapshot of prod. */
let id: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  await using cluster = await startCluster({ version: "3.6" });
  const options = await initialise(cluster, folder.path);
  ({ id } = z.object({ id: z.string() }).parse(await lifeboatJson(["backup", "prod"], options)));
  await putCommandInto(folder.path);
  env = { PATH: `${folder.path}:${process.env["PATH"]}` };
  for (const shell of ["bash", "zsh"])
    await writeFile(join(folder.path, `${shell}.script`), (await lifeboat(["completion", shell], options)).stdout);
});
afterAll(() => folder.remove());

/** What bash would put in place of the word before the cursor, or of its part after the last of `breaks`. */
async function completions(line: string, breaks = ""): Promise<string[]> {
  const script = `COMP_WORDBREAKS+=$3; source "$2"; COMP_LINE=$1 COMP_POINT=\${#1}; _lifeboat lifeboat; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "-c", script, "bash", line, join(folder.path, "bash.script"), breaks];
  const { stdout, stderr } = await execa("bash", args, { cwd: folder.path, env });
  expect(stderr).toBe("");
  return stdout.split("\n");
}

describe("bash completes", () => {
  test("commands", async () => expect(await completions("lifeboat ba")).toEqual(["backup"]));
  test("clusters after a space", async () => expect(await completions("lifeboat backup ")).toEqual(["prod"]));
  test("refs", async () => expect(await completions("lifeboat verify prod/")).toEqual(["prod/latest", "prod/good", `prod/${id}`]));
  test("only what follows the last word break", async () => expect(await completions("lifeboat show prod/l", "/")).toEqual(["latest"]));
  test("files", async () => expect(await completions("lifeboat export prod/latest --identity break")).toEqual(["break-glass.key"]));
  test("folders", async () => expect(await completions("lifeboat init --dir va")).toEqual(["vault"]));
  test("nothing to nothing", async () => expect(await completions("lifeboat bakcup ")).toEqual([""]));
});

test.skipIf(needs("zsh"))("zsh completes in a terminal", async () => {
  const typed = `prod/${id.slice(0, 4)}`;
  const script = `zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PS1=; autoload -U compinit; compinit -D -u; source ${join(folder.path, "zsh.script")}; print -r READ""Y'
    zpty -r -m shell out '*READY*'
    zpty -w -n shell $'lifeboat verify ${typed}\\t'
    zpty -r -m shell out '*${id.slice(-8)}*'
    print -r -- "$out"
    zpty -d shell`;
  const { stdout } = await execa("zsh", ["-f", "-c", script], { cwd: folder.path, env, timeout: 60_000 });
  expect(stdout).toContain(`lifeboat verify prod/${id}`);
});
