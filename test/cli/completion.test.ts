import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runProgram } from "../../cli/program.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";

/** What the shells' scripts ask and are answered; the scripts themselves are tried in test/e2e/completion.live.test.ts. */

const IDS = ["20260102T030405Z", "20260103T030405Z"];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  await run(["init", "--cluster", "prod", "--endpoint", "https://10.0.0.1:2379"]);
  const snapshots = join(folder.path, "vault/clusters/prod/snapshots");
  await mkdir(snapshots, { recursive: true });
  // Completion lists names and reads no manifest.
  for (const id of IDS) await writeFile(join(snapshots, `${id}.json`), "");
});
afterAll(() => folder.remove());

async function run(args: readonly string[], cwd = folder.path): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const environment = {};
  const code = await runProgram(
    args,
    { stdout, stderr, environment, cwd, clock: systemClock, signal },
    { clock: systemClock, randomBytes, environment, runtimeFolder: cwd, stateFolder: undefined },
  );
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}

interface Answer {
  readonly kind: string | undefined;
  readonly words: readonly string[];
}

async function tab(line: string, cwd?: string): Promise<Answer> {
  const { code, out, err } = await run(["__complete", "--", ...line.split(" ")], cwd);
  expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
  const [kind, ...lines] = out.trimEnd().split("\n");
  return { kind, words: lines.map((each) => each.split("\t", 1)[0] ?? "") };
}

const words = (...list: readonly string[]): Answer => ({ kind: "words", words: list });

describe("Tab completes", () => {
  test("commands that the help lists, and nothing after one that there is not", async () => {
    const { out } = await run(["--help"]);
    const listed = Array.from(out.slice(out.indexOf("\nCommands:")).matchAll(/^ {2}([a-z-]+) /gm), ([, name]) => name ?? "");
    expect(listed).toContain("backup");
    expect(listed).not.toContain("__complete");
    expect(await tab("")).toEqual(words(...listed));
    expect(await tab("ba")).toEqual(words("backup"));
    expect(await tab("--json ver")).toEqual(words("verify"));
    expect(await tab("bakcup ")).toEqual(words());
  });

  test("flags of the command and of every command", async () => {
    expect(await tab("verify --")).toEqual(
      words("--deep", "--missing", "--within", "--from", "--help", "--config", "--json", "--verbose", "--quiet"),
    );
    expect(await tab("verify prod/latest --d")).toEqual(words("--deep"));
    expect(await tab("--v")).toEqual(words("--version", "--verbose"));
  });

  test("clusters of the configuration, also of one that is named", async () => {
    const config = join(folder.path, "lifeboat.yaml");
    expect(await tab("backup ")).toEqual(words("prod"));
    expect(await tab("ls p")).toEqual(words("prod"));
    expect(await tab("ls q")).toEqual(words());
    expect(await tab("backup prod ")).toEqual(words());
    expect(await tab(`--config ${config} preflight `, "/")).toEqual(words("prod"));
    expect(await tab(`preflight --config=${config} `, "/")).toEqual(words("prod"));
  });

  test("refs of the store, the cluster first", async () => {
    expect(await tab("show ")).toEqual({ kind: "open", words: ["prod/"] });
    expect(await tab("verify --deep prod/")).toEqual(words("prod/latest", "prod/good", ...IDS.map((id) => `prod/${id}`)));
    expect(await tab("export prod/20260103")).toEqual(words(`prod/${IDS[1]}`));
    expect(await tab("show other/")).toEqual(words("other/latest", "other/good"));
  });

  test("refs, or files where it can be no ref, for a command that takes both", async () => {
    expect(await tab("status ")).toEqual({ kind: "open", words: ["prod/"] });
    expect(await tab("status prod/l")).toEqual(words("prod/latest"));
    for (const typed of ["sn", "./", "/tmp/", "../x", "dumps/"]) expect(await tab(`status ${typed}`)).toEqual({ kind: "files", words: [] });
    expect(await tab("status ", "/")).toEqual({ kind: "files", words: [] });
  });

  test("files and folders where a flag takes them, shells, and nothing where only a person knows", async () => {
    expect(await tab("export prod/latest --out sn")).toEqual({ kind: "files", words: [] });
    expect(await tab("--config ")).toEqual({ kind: "files", words: [] });
    expect(await tab("init --dir ")).toEqual({ kind: "folders", words: [] });
    expect(await tab("completion ")).toEqual(words("bash", "zsh"));
    expect(await tab("backup --slot ")).toEqual(words());
  });
});

test("without a configuration, with a broken one or without a store Tab gives nothing and complains of nothing", async () => {
  expect(await tab("backup ", "/")).toEqual(words());
  const cwd = join(folder.path, "broken");
  await cp(join(folder.path, "lifeboat.yaml"), join(cwd, "lifeboat.yaml"));
  expect(await tab("show ", cwd)).toEqual({ kind: "open", words: [] });
  await writeFile(join(cwd, "lifeboat.yaml"), `${await readFile(join(cwd, "lifeboat.yaml"), "utf8")}\nnonsense: 1\n`);
  expect(await tab("backup ", cwd)).toEqual(words());
});

test("a shell that there is no script for is refused", async () => {
  const { code, err } = await run(["completion", "fish"]);
  expect(code).toBe(2);
  expect(err).toContain("is not a shell: give bash, zsh");
});
