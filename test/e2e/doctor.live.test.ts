import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { lifeboatJson } from "../support/lifeboat.ts";
import { saying } from "../support/matchers.ts";

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
    ["unzstd", null, "checkout"],
    ["kube-decode", null, "checkout"],
    ...["3.5", "3.6", "3.7"].map((minor) => ["etcdctl", minor, "checkout"]),
    ...["3.5", "3.6", "3.7"].map((minor) => ["etcdutl", minor, "checkout"]),
  ]);
  expect(findings).toEqual([]);
  expect(await lifeboatJsonHere(["doctor"], { cwd: folder.path })).toMatchObject({
    store: null,
    keys: null,
    permissions: null,
    clock: null,
    etcd: null,
    tools,
    findings: [{ code: "no-configuration", severity: "info", message: saying("store, keys, permissions, clock, etcd") }],
  });
  // What was named must be done.
  const { code, stdout, stderr } = await lifeboatHere(["doctor", "--tools", "--clock", "--etcd"], { cwd: folder.path });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("configuration lifeboat.yaml not found; --clock --etcd cannot run without it");
});

test("takes tools.dir, relative to the configuration, before everything else", async () => {
  const cwd = join(folder.path, "own");
  await mkdir(join(cwd, "programs"), { recursive: true });
  await lifeboatHere(["init"], { cwd });
  await symlink(requireEtcd("3.7").etcdutl, join(cwd, "programs/etcdutl"));
  await writeFile(join(cwd, "programs/age"), "no program");
  const config = join(cwd, "lifeboat.yaml");
  await setToolsDir(config, "./programs");
  const { tools, findings } = doctorSchema.parse(await lifeboatJsonHere(["doctor", "--tools", "--config", config], { cwd: folder.path }));
  expect(tools.at(-1)?.found).toMatchObject({ path: join(cwd, "programs/etcdutl"), origin: "tools.dir" });
  expect(tools.at(-2)).toMatchObject({ found: { origin: "checkout" }, passedOver: [{ origin: "tools.dir", reason: "is 3.7.3" }] });
  expect(findings).toMatchObject([{ code: "program-unusable", severity: "warning", subject: "age" }]);

  const { code, stdout } = await lifeboatHere(["doctor", "--tools", "--config", config], { cwd: folder.path });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^etcdutl 3\.7 +3\.7\.\d+ +tools\.dir +\S+programs\/etcdutl$/m);
  expect(stdout).toContain(`warning: age: ${join(cwd, "programs/age")} may not be run\n  fix: `);
});

test("a wrong tools.dir or configuration is exit code 2, told with the path", async () => {
  const cwd = join(folder.path, "wrong");
  await mkdir(cwd);
  await lifeboatHere(["init"], { cwd });
  await setToolsDir(join(cwd, "lifeboat.yaml"), "./nowhere");
  const { code, stdout, stderr } = await lifeboatHere(["doctor"], { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`tools.dir in lifeboat.yaml (${join(cwd, "nowhere")}) cannot be read as a folder`);
  expect(stderr).toContain("hint: name a folder that holds age and etcd-3.6/etcdutl");

  expect(await lifeboatHere(["doctor", "--config", "none.yaml"], { cwd })).toMatchObject({ code: 2, stdout: "" });
  await writeFile(join(cwd, "lifeboat.yaml"), "version: 7\n");
  expect(await lifeboatHere(["doctor"], { cwd })).toMatchObject({ code: 2, stdout: "" });
});

const findingsSchema = z.object({ findings: doctorSchema.shape.findings });

/** What doctor finds there, as `severity code`, and its exit code. */
async function whatIsFound(cwd: string, ...flags: readonly string[]): Promise<readonly (string | number | undefined)[]> {
  const { code, stdout } = await lifeboatHere(["doctor", ...flags, "--json"], { cwd });
  return [code, ...findingsSchema.parse(JSON.parse(stdout)).findings.map((each) => `${each.severity} ${each.code}`)];
}

test("what init made is well, and a person who holds all keys is told so", async () => {
  const cwd = join(folder.path, "fresh");
  await mkdir(cwd);
  await lifeboatHere(["init"], { cwd });
  expect(await whatIsFound(cwd)).toEqual([0, "info beyond-its-role", "info no-clusters"]);
  const { stdout } = await lifeboatHere(["doctor"], { cwd });
  expect(stdout).toMatch(/^can act as: +writer, verifier, desk, keeper, reader$/m);
  expect(stdout).toMatch(/^clock of store: +as here$/m);
  // Looking left nothing behind, neither what the clock was read by.
  expect((await readdir(join(cwd, "vault"))).toSorted()).toEqual([".lifeboat", "store.json"]);
});

test("each thing that is wrong with a folder and its keys, with the exit code", async () => {
  const cwd = join(folder.path, "broken");
  await mkdir(cwd);
  await lifeboatHere(["init"], { cwd });
  const keys = join(cwd, "keys");

  await chmod(join(cwd, "vault"), 0o777);
  expect(await whatIsFound(cwd, "--store")).toEqual([0, "warning folder-open"]);
  await rm(join(cwd, "vault"), { recursive: true });
  expect(await whatIsFound(cwd, "--store", "--clock")).toEqual([0, "info folder-missing"]);
  await writeFile(join(cwd, "vault"), "");
  expect(await whatIsFound(cwd, "--store")).toEqual([6, "problem not-checked"]);

  await chmod(join(keys, "audit.key"), 0o644);
  const { stdout } = await lifeboatHere(["doctor", "--keys"], { cwd });
  expect(stdout).toMatch(/^audit +keys\/invalid +here/m);
  expect(stdout).toContain(
    `problem: audit.key: ${keys}/audit.key is a private key that users other than its owner can access (mode 0644)\n  fix: chmod 600`,
  );
  await chmod(join(keys, "audit.key"), 0o600);

  // Another's wrapping identity, and a signing key that nobody trusts.
  const other = join(folder.path, "other");
  await mkdir(other);
  await lifeboatHere(["init"], { cwd: other });
  await rename(join(other, "keys/wrapping.key"), join(keys, "wrapping.key"));
  for (const file of ["snapshot.key", "snapshot.pub"]) await rename(join(other, "keys", file), join(keys, file));
  expect(await whatIsFound(cwd, "--keys")).toEqual([6, "problem key-unusable", "problem key-untrusted"]);
  await chmod(keys, 0o720);
  expect(await whatIsFound(cwd, "--keys")).toContain("problem key-folder-open");

  await rename(keys, join(cwd, "elsewhere"));
  expect(await whatIsFound(cwd, "--keys")).toEqual([6, "problem key-missing"]);
});

test("a host with the files of one role is that role", async () => {
  const cwd = join(folder.path, "host");
  await mkdir(cwd);
  await lifeboatHere(["init"], { cwd });
  for (const file of ["wrapping.key", "audit.key", "audit.pub", "bundle.key", "bundle.pub"]) await rm(join(cwd, "keys", file));
  const { code, stdout } = await lifeboatHere(["doctor", "--permissions", "--keys"], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^can act as: +writer, keeper, reader$/m);
  expect(stdout).toMatch(/^verifier .* no +unwrap; sign audit$/m);
  // A folder lets whoever writes also remove, and replace.
  expect(stdout).toContain(
    "this caller can act as writer and keeper at once: it can then remove what is stored; it also may read data, bundles; put verified, acceptances, rewraps, pins, drills, catalog, verdicts, bundles; remove lineage, acceptances, custody, verdicts",
  );
});

async function setToolsDir(config: string, dir: string): Promise<void> {
  const text = await readFile(config, "utf8");
  expect(text).toContain("\ntools: {}\n");
  await writeFile(config, text.replace("\ntools: {}\n", `\ntools: { dir: ${dir} }\n`));
}

test("looks for kopia where the store is a Kopia repository", async () => {
  const cwd = join(folder.path, "kopia");
  await mkdir(join(cwd, "programs"), { recursive: true });
  await lifeboatHere(["init"], { cwd });
  const config = join(cwd, "lifeboat.yaml");
  const store = "store: { kind: kopia, repository: { kind: filesystem, path: /srv/kopia }, manifests: { kind: directory, path: ./vault } }";
  await writeFile(config, (await readFile(config, "utf8")).replace(/^store:.*(?:\n +.*)*/m, store));
  await setToolsDir(config, "./programs");
  const program = join(cwd, "programs/kopia");
  for (const [version, found] of [
    ["0.15.0", null],
    ["0.23.1", "0.23.1"],
  ]) {
    await writeFile(program, `#!/bin/sh\necho '${version} build: 1 from: kopia/kopia'\n`, { mode: 0o755 });
    const { stdout } = await lifeboatHere(["doctor", "--tools", "--json", "--config", config], { cwd });
    const { tools, findings } = doctorSchema.parse(JSON.parse(stdout));
    expect(tools.at(-1)).toMatchObject({ program: "kopia", found: found === null ? null : { path: program, version: found } });
    expect(findings.map(({ code, severity, subject }) => [code, severity, subject])).toEqual(
      found === null ? [["program-unusable", "problem", "kopia"]] : [],
    );
  }
});
