import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeUnfinished, unfinishedOutputs, writeOutput } from "../../../shared/host/files/output-file.ts";
import { ownMark, placeOfProcesses } from "../../../shared/process-mark.ts";
import { saying } from "../../support/matchers.ts";

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

describe("what writing began and did not end", () => {
  const drafts = async (path: string, now = new Date()): Promise<readonly (readonly [string, boolean | undefined])[]> =>
    (await unfinishedOutputs(path, now)).map((each) => [basename(each.path), each.isDead] as const);

  test("is found while it is written, as a live process's, and not afterwards", async () => {
    const path = join(folder, "out");
    expect(await drafts(join(folder, "no", "out"))).toEqual([]);
    async function* looking(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from("x");
      expect(await drafts(path)).toEqual([[saying(`-${process.pid}-`), false]]);
    }
    for (const name of [".other.0123456789ab.partial", ".out.partial", ".out.db.0123456789ab.partial"])
      await writeFile(join(folder, name), "");
    await mkdir(join(folder, ".out.0123456789ab.partial"));
    await writeOutput(path, looking());
    expect(await drafts(path)).toEqual([]);
  });

  test("by a process that runs no more is dead, and by one that has its id too; elsewhere it is so after a day", async () => {
    const path = join(folder, "out");
    const here = await placeOfProcesses();
    const { pid, birth } = await ownMark();
    const names = [
      `.out.${here}-${pid}-${birth}-0123456789ab.partial`,
      `.out.${here}-${pid}-1-0123456789ab.partial`,
      `.out.${here}-4194305-${birth}-0123456789ab.partial`,
      `.out.00000000-${pid}-${birth}-0123456789ab.partial`,
      ".out.0123456789ab.partial",
    ] as const;
    for (const name of names) await writeFile(join(folder, name), "secret");
    const sorted = async (now?: Date): Promise<unknown> => new Map(await drafts(path, now));
    expect(await sorted()).toEqual(
      new Map([
        [names[0], false],
        [names[1], true],
        [names[2], true],
        [names[3], undefined],
        [names[4], undefined],
      ]),
    );
    const later = new Date(Date.now() + 86_500_000);
    expect(await sorted(later)).toEqual(new Map(names.map((name, index) => [name, index > 0])));
    const first = (await unfinishedOutputs(path, later)).find(({ isDead }) => isDead === true);
    expect(first === undefined ? undefined : await removeUnfinished(first)).toBe(true);
    expect(await readdir(folder)).toHaveLength(4);
  });
});
