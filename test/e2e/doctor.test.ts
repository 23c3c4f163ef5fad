import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { lifeboat, lifeboatJson } from "../support/lifeboat.ts";

/** `lifeboat doctor` in a checkout: test/e2e/install.test.ts asks it where the package is installed. */

const doctorSchema = z.object({
  tools: z.array(
    z.object({
      program: z.string(),
      minor: z.string().nullable(),
      found: z.object({ path: z.string(), origin: z.string(), version: z.string() }).nullable(),
      passedOver: z.array(z.object({ path: z.string(), origin: z.string(), reason: z.string() })),
      neededBy: z.array(z.string()),
      usedFor: z.string().min(1),
    }),
  ),
  findings: z.array(z.object({ code: z.string(), severity: z.string(), subject: z.string(), message: z.string(), fix: z.string() })),
});

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("needs no configuration, and finds what set-up built", async () => {
  const { tools, findings } = doctorSchema.parse(await lifeboatJson(["doctor", "--tools"], { cwd: folder.path }));
  expect(tools.map(({ program, minor, found }) => [program, minor, found?.origin])).toEqual([
    ["age", null, "checkout"],
    ["age-keygen", null, "checkout"],
    ...["3.5", "3.6", "3.7"].map((minor) => ["etcdctl", minor, "checkout"]),
    ...["3.5", "3.6", "3.7"].map((minor) => ["etcdutl", minor, "checkout"]),
  ]);
  expect(findings).toEqual([]);
  expect(await lifeboatJson(["doctor"], { cwd: folder.path })).toMatchObject({ tools });
});

test("takes tools.dir, relative to the configuration, before everything else", async () => {
  const cwd = join(folder.path, "own");
  await mkdir(join(cwd, "programs"), { recursive: true });
  await lifeboat(["init"], { cwd });
  await symlink(requireEtcd("3.7").etcdutl, join(cwd, "programs/etcdutl"));
  await writeFile(join(cwd, "programs/age"), "no program");
  const config = join(cwd, "lifeboat.yaml");
  await setToolsDir(config, "./programs");
  const { tools, findings } = doctorSchema.parse(await lifeboatJson(["doctor", "--config", config], { cwd: folder.path }));
  expect(tools.at(-1)?.found).toMatchObject({ path: join(cwd, "programs/etcdutl"), origin: "tools.dir" });
  expect(tools.at(-2)).toMatchObject({ found: { origin: "checkout" }, passedOver: [{ origin: "tools.dir", reason: "is 3.7.3" }] });
  expect(findings).toMatchObject([{ code: "program-unusable", severity: "warning", subject: "age" }]);

  const { code, stdout } = await lifeboat(["doctor", "--config", config], { cwd: folder.path });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^etcdutl 3\.7 +3\.7\.\d+ +tools\.dir +\S+programs\/etcdutl$/m);
  expect(stdout).toContain(`warning: age: ${join(cwd, "programs/age")} may not be run\n  fix: `);
});

test("a wrong tools.dir or configuration is exit code 2, told with the path", async () => {
  const cwd = join(folder.path, "wrong");
  await mkdir(cwd);
  await lifeboat(["init"], { cwd });
  await setToolsDir(join(cwd, "lifeboat.yaml"), "./nowhere");
  const { code, stdout, stderr } = await lifeboat(["doctor"], { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`tools.dir in lifeboat.yaml (${join(cwd, "nowhere")}) cannot be read as a folder`);
  expect(stderr).toContain("hint: name a folder that holds age and etcd-3.6/etcdutl");

  expect(await lifeboat(["doctor", "--config", "none.yaml"], { cwd })).toMatchObject({ code: 2, stdout: "" });
  await writeFile(join(cwd, "lifeboat.yaml"), "version: 7\n");
  expect(await lifeboat(["doctor"], { cwd })).toMatchObject({ code: 2, stdout: "" });
});

async function setToolsDir(config: string, dir: string): Promise<void> {
  const text = await readFile(config, "utf8");
  expect(text).toContain("\ntools: {}\n");
  await writeFile(config, text.replace("\ntools: {}\n", `\ntools: { dir: ${dir} }\n`));
}
