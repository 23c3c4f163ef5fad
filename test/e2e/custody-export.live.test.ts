import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { custodyKey } from "../../shared/documents/layout.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { copyOf, growPlace } from "../support/grown-place.ts";
import type { GrownPlace } from "../support/grown-place.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { fitting, saying } from "../support/matchers.ts";

/** `custody --export`, read by the libraries of the ecosystem that it is for. */

let folder: TemporaryFolder;
let grown: GrownPlace;
beforeAll(async () => {
  folder = await temporaryFolder();
  grown = await growPlace(join(folder.path, "grown"), { old: 1 });
});
afterAll(() => folder.remove());

const PYTHON = fileURLToPath(new URL("../../tools/.venv/bin/python3", import.meta.url));

/** The program of docs/format.md. */
async function verifierIn(cwd: string): Promise<(lines: string) => string> {
  const docs = await readFile(new URL("../../docs/format.md", import.meta.url), "utf8");
  const program = /<!-- test: in-toto -->\n```python\n([^]*?)```/.exec(docs)?.[1] ?? "";
  await writeFile(join(cwd, "verify.py"), program);
  const keys = JSON.parse((await lifeboatHere(["keys", "--json"], grown)).stdout) as {
    signing: { purpose: string; fingerprint: string }[];
  };
  const fingerprint = keys.signing.find(({ purpose }) => purpose === "audit")?.fingerprint ?? "";
  return (lines) =>
    execFileSync(PYTHON, ["-I", join(cwd, "verify.py"), join(grown.cwd, "keys/audit.pub"), fingerprint, lines], {
      cwd,
      encoding: "utf8",
      stdio: "pipe",
    });
}

test("every record is a statement that securesystemslib and in-toto take, by the program of docs/format.md", async () => {
  const { cwd } = await copyOf(grown, join(folder.path, "export"));
  const { code, stdout } = await lifeboatHere(["custody", "prod", "--export", "log.intoto.jsonl"], { cwd });
  const log = join(cwd, "vault/clusters/prod/custody/0000000");
  const records = (await readdir(log)).toSorted();
  expect([code, stdout]).toEqual([0, `wrote ${records.length} statements to log.intoto.jsonl\n`]);
  expect((await stat(join(cwd, "log.intoto.jsonl"))).mode & 0o777).toBe(0o600);
  const verify = await verifierIn(cwd);
  const digests = await Promise.all(
    records.map(async (name) =>
      createHash("sha256")
        .update(await readFile(join(log, name)))
        .digest("hex"),
    ),
  );
  const told = verify("log.intoto.jsonl").trimEnd().split("\n");
  expect(told.map((line) => line.split(" ")[1])).toEqual(digests);
  expect(told.map((line) => line.split(" ")[0])).toEqual(expect.arrayContaining(["lineage-opened", "backup", "verified"]) as unknown);

  const lines = (await readFile(join(cwd, "log.intoto.jsonl"), "utf8")).split("\n");
  const [first = ""] = lines;
  const at = first.indexOf('"payload":"') + 100;
  await writeFile(join(cwd, "changed.jsonl"), `${first.slice(0, at)}${first[at] === "A" ? "B" : "A"}${first.slice(at + 1)}\n`);
  expect(() => verify("changed.jsonl")).toThrow("VerificationError");

  expect(await lifeboatHere(["custody", "prod", "--export", "log.intoto.jsonl"], { cwd })).toMatchObject({
    code: 2,
    stderr: saying("already there"),
  });
  const last = await lifeboatHere(["custody", "prod", "--export", "-", "--limit", "1"], { cwd });
  expect(last).toMatchObject({
    code: 0,
    stderr: saying("wrote 1 statements"),
    stdout: fitting(/^\{"payloadType":"application\/vnd\.in-toto\+json".*\n$/),
  });
});

test("nothing is stated of a record that is not believed, nor without the audit key, and --verify is apart", async () => {
  const { cwd } = await copyOf(grown, join(folder.path, "altered"));
  const key = custodyKey("prod", 2);
  await writeFile(join(cwd, "vault", key), "{}");
  const { code, stdout } = await lifeboatHere(["custody", "prod", "--export", "log.jsonl", "--json"], { cwd });
  expect(code).toBe(4);
  const records = (await readdir(join(cwd, "vault/clusters/prod/custody/0000000"))).length;
  expect(JSON.parse(stdout)).toMatchObject({ file: "log.jsonl", statements: records - 1, unbelieved: [{ key, code: "custody/altered" }] });
  expect(await lifeboatHere(["custody", "prod", "--export", "x", "--verify"], { cwd })).toMatchObject({
    code: 2,
    stderr: saying("--export is without --verify"),
  });
  expect(await lifeboatHere(["custody", "prod", "--export", "-", "--json"], { cwd })).toMatchObject({ code: 2 });
  await writeFile(join(cwd, "keys/audit.key"), await readFile(join(cwd, "keys/bundle.key")));
  await writeFile(join(cwd, "keys/audit.pub"), await readFile(join(cwd, "keys/bundle.pub")));
  expect(await lifeboatHere(["custody", "prod", "--export", "y"], { cwd })).toMatchObject({
    code: 2,
    stderr: saying("trustedKeys.audit does not list"),
  });
  expect((await readdir(cwd)).filter((name) => name === "x" || name === "y" || name.endsWith(".partial"))).toEqual([]);
});
