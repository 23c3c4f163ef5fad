import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEBUG_KINDS } from "../../shared/debug-log.ts";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { lifeboat } from "../support/lifeboat.ts";
import type { LifeboatOptions, Outcome } from "../support/lifeboat.ts";

/** The debug log tells most of all outputs, so it is where a secret would come out. A real etcd with a password, a real store and real keys. */

const WRONG_PASSWORD = "wr0ng-Kennwort7";
let cluster: EtcdCluster;
let folder: TemporaryFolder;
let options: LifeboatOptions;
let secrets: readonly string[];
const told: string[] = [];

beforeAll(async () => {
  [cluster, folder] = await Promise.all([startCluster({ version: "3.6", security: "password" }), temporaryFolder()]);
  options = await initialise(cluster, folder.path);
  secrets = [ROOT_PASSWORD, WRONG_PASSWORD, ...(await secretsOfFiles(folder.path))];
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

/** The lines of private keys and identities below a folder. */
async function secretsOfFiles(path: string): Promise<readonly string[]> {
  const names = (await readdir(path, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  const texts = await Promise.all(names.map((each) => readFile(join(each.parentPath, each.name), "utf8")));
  return texts.flatMap((text) => {
    const bodies = Array.from(text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----\n([^-]+)/g), ([, body = ""]) => body.split("\n"));
    return [...bodies.flat(), ...(text.match(/AGE-SECRET-KEY-1\w+/g) ?? [])].filter((line) => line.length >= 16);
  });
}

async function verbosely(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const outcome = await lifeboatHere(args, { ...options, env: { ...options.env, ...env } });
  told.push(outcome.stdout, outcome.stderr);
  return outcome;
}

/** The kinds of the lines on standard error. */
function kindsIn({ stderr }: Outcome): ReadonlySet<string> {
  return new Set(Array.from(stderr.matchAll(/^lifeboat: \[\d+\.\d{3} s\] (\w+): \S/gm), ([, kind = ""]) => kind));
}

test("a backup, a verification, an export and a failure are told line by line, and standard output stays what it was", async () => {
  const backup = await verbosely(["backup", "prod", "--quiet", "--verbose"]);
  expect({ code: backup.code, stdout: backup.stdout }).toEqual({ code: 0, stdout: "" });
  expect([...kindsIn(backup)].toSorted()).toEqual(["decision", "etcd", "keys", "store"]);
  for (const line of [
    /etcd: Status of \S+: member /,
    /etcd: Snapshot of \S+: done, \d+ bytes/,
    /decision: slot: prod\//,
    /decision: member 1 to ask: /,
  ])
    expect(backup.stderr).toMatch(line);
  for (const line of [
    /decision: lineage 1: opens/,
    /decision: vote: .* agrees: hash \d+/,
    /decision: proof: proven/,
    /store: put .*\.age in .*: done, \d+ bytes/,
  ])
    expect(backup.stderr).toMatch(line);

  const shallow = await verbosely(["verify", "prod/latest", "--verbose"]);
  expect(shallow.stderr).toMatch(/decision: prod\/\S+ is not good: /);
  const deep = await verbosely(["verify", "prod/latest", "--deep", "--json"], { LIFEBOAT_DEBUG: "1" });
  expect(JSON.parse(deep.stdout)).toMatchObject({ good: true });
  expect(deep.stderr).toMatch(/keys: open the key of prod\/\S+ that is wrapped under age1\w+ by .*: opened, \d+ ms/);
  expect((await verbosely(["export", "prod/latest", "--out", "out.db", "--verbose"])).code).toBe(0);
  expect(kindsIn(await verbosely(["doctor", "--tools", "--verbose"]))).toContain("program");

  const login = await verbosely(["backup", "prod", "--verbose"], { ETCD_PASSWORD: WRONG_PASSWORD });
  expect(login.code).toBe(3);
  expect(login.stderr).toMatch(/cause: LifeboatError \(etcd\/auth\): /);
  expect(login.stderr).toMatch(/cause: +at /);
});

test("standard output is the same with and without it, and nothing is printed where it is off", async () => {
  const plain = await verbosely(["ls", "--json"]);
  const verbose = await verbosely(["ls", "--json", "--verbose"]);
  expect(verbose.stdout).toBe(plain.stdout);
  expect(plain.stderr).toBe("");
  expect(kindsIn(verbose)).toContain("store");
  expect((await verbosely(["ls", "--json"], { LIFEBOAT_DEBUG: "0" })).stderr).toBe("");
  expect((await verbosely(["__complete", "verify", ""], { LIFEBOAT_DEBUG: "1" })).stderr).toBe("");
});

test("a failing call to KMS, in a process of its own", async () => {
  const config = join(folder.path, "aws.yaml");
  const text = await readFile(join(folder.path, "lifeboat.yaml"), "utf8");
  const nowhere = "http://127.0.0.1:1";
  const kms = `keys: { kind: kms, wrap: alias/w, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b }, region: eu-central-1, endpoint: "${nowhere}" }`;
  await writeFile(config, text.replace(/^keys:\n(?: .*\n)+|^keys: .*\n/m, `${kms}\n`));
  const env = { ...options.env, AWS_ACCESS_KEY_ID: "AKIATESTTESTTEST", AWS_SECRET_ACCESS_KEY: "aws-s3cret-Wort9-aws", LIFEBOAT_DEBUG: "1" };
  const outcome = await lifeboat(["backup", "prod", "--config", config], { ...options, env });
  told.push(outcome.stdout, outcome.stderr);
  expect(outcome.code).toBe(5);
  expect(outcome.stderr).toMatch(/aws: KMS \w+ KeyId alias\/\w+: .*ECONNREFUSED/);
  expect(outcome.stderr).toMatch(/retry: KMS \w+ .*: try 2 after \d+ ms, because of /);
  expect(outcome.stderr).toMatch(/cause: +caused by /);
  expect(told.join("\n")).not.toContain("aws-s3cret-Wort9-aws");
});

test("none of it holds a secret", () => {
  expect(secrets.length).toBeGreaterThan(5);
  const all = told.join("\n");
  expect(all.length).toBeGreaterThan(10_000);
  for (const secret of secrets) expect(all.includes(secret)).toBe(false);
  expect(all).not.toMatch(/AGE-SECRET-KEY-1|BEGIN [A-Z ]*PRIVATE KEY|authorization: (?!\*)/i);
  expect(DEBUG_KINDS.filter((kind) => all.includes(`] ${kind}: `))).toEqual([...DEBUG_KINDS]);
});
