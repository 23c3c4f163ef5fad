import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unfinishedOutputs, writeOutput } from "../../shared/output/output-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-output-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* chunks(...texts: readonly (string | Error)[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

test("a whole output is there, for its owner only", async () => {
  const path = join(folder, "out");
  await writeOutput(path, chunks("one ", "two"));
  expect(await readFile(path, "utf8")).toBe("one two");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["out"]);
});

test("a failure in the middle leaves nothing, and is passed on as it is", async () => {
  const failure = new Error("cut");
  await expect(writeOutput(join(folder, "out"), chunks("one", failure))).rejects.toBe(failure);
  expect(await readdir(folder)).toEqual([]);
});

test("what is there is not overwritten, and the source is not even read", async () => {
  const path = join(folder, "out");
  await writeFile(path, "precious");
  await expect(writeOutput(path, chunks(new Error("was read")))).rejects.toMatchObject({
    code: "output/exists",
    message: `${path} is already there, and nothing is overwritten`,
  });
  expect(await readFile(path, "utf8")).toBe("precious");
});

test("a dangling link counts as something that is there", async () => {
  await symlink("nowhere", join(folder, "out"));
  await expect(writeOutput(join(folder, "out"), chunks("x"))).rejects.toMatchObject({ code: "output/exists" });
});

test("what appears while it is written is not overwritten either", async () => {
  const path = join(folder, "out");
  async function* racing(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from("ours");
    await writeFile(path, "theirs");
  }
  await expect(writeOutput(path, racing())).rejects.toMatchObject({ code: "output/exists" });
  expect(await readFile(path, "utf8")).toBe("theirs");
  expect(await readdir(folder)).toEqual(["out"]);
});

test("a folder that is not there is told with the way out", async () => {
  await expect(writeOutput(join(folder, "no", "out"), chunks("x"))).rejects.toMatchObject({
    code: "output/failed",
    hint: "check that the folder exists and can be written to",
  });
});

test("what a killed process left is found, what is whole or another's is not", async () => {
  const path = join(folder, "out");
  expect(await unfinishedOutputs(join(folder, "no", "out"))).toEqual([]);
  async function* looking(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from("x");
    const [draft, ...more] = await unfinishedOutputs(path);
    expect(more).toEqual([]);
    expect(await readFile(draft ?? "", "utf8")).toBe("x");
  }
  for (const name of [".other.0123456789ab.partial", ".out.partial", ".out.db.0123456789ab.partial"])
    await writeFile(join(folder, name), "");
  await writeOutput(path, looking());
  expect(await unfinishedOutputs(path)).toEqual([]);
});
