import { rm, writeFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { encryptSmall } from "../../shared/seal/age.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { fitting, saying } from "../support/matchers.ts";
import { CA, ENCRYPTION_CONFIG, FOLDERS, headEntry, tarOf } from "../support/node-set.ts";
import { requireProgram } from "../support/programs.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";

/** The verdict on a real etcd, real keys and a real store. */

/** Of a node: its identity is thrown away. */
const NODE = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let place: Place;
let id: string;

beforeAll(async () => {
  [cluster, folder] = await Promise.all([startCluster({ version: "3.6" }), temporaryFolder()]);
  await cluster.etcdctl(["put", "/registry/configmaps/default/one", "value"]);
  place = await newPlace(cluster, folder.path, "here");
  const { stdout } = await place.here("backup", "prod", "--json");
  ({ id } = DOCUMENTS.backup.parse(JSON.parse(stdout)));
  expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
  for (const value of ["two", "three", "four"]) await cluster.etcdctl(["put", "/registry/configmaps/default/one", value]);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

/** The exit code, the document, and the answers by line. */
async function ready(...args: readonly string[]) {
  const { code, stdout } = await place.here("ready", "prod", "--json", ...args);
  const document = DOCUMENTS.ready.parse(JSON.parse(stdout));
  return { code, ...document, answers: Object.fromEntries(document.lines.map(({ name, answer }) => [name, answer])) };
}

const WELL = {
  snapshot: "yes",
  age: "yes",
  data: "yes",
  keys: "yes",
  programs: "yes",
  certificates: "yes",
  custody: "yes",
  lineage: "yes",
};

test("a cluster that was only backed up is not ready: each gap is named with its fix, and what is well with its evidence", async () => {
  const { code, verdict, good, loss, rtoSeconds, answers, lines } = await ready();
  expect({ code, verdict, good, rtoSeconds }).toEqual({ code: 6, verdict: "not ready", good: `prod/${id}`, rtoSeconds: null });
  expect(answers).toEqual({ ...WELL, drill: "no", "break-glass": "no", recipients: "no" });
  expect(loss).toMatchObject({ writes: 3, basis: "etcd" });
  expect(lines.find(({ name }) => name === "programs")?.evidence).toEqual([
    fitting(/: age \S+, etcdctl 3\.6\.\d+, etcdutl 3\.6\.\d+, unzstd /),
  ]);
  expect(lines.find(({ name }) => name === "recipients")).toMatchObject({
    evidence: ["no recipient is enrolled for m1", "recipients has nobody"],
  });
});

test("at 80 columns the verdict stands first, then the gaps, then what is well", async () => {
  const { stdout } = await lifeboatHere(["ready", "prod"], { cwd: place.options.cwd, columns: 80 });
  const text = stdout.split("\n");
  expect(text[0]).toBe("prod is not ready");
  expect(text.filter((line) => line.length > 80)).toEqual([]);
  expect(text.findIndex((line) => line.startsWith("  NO "))).toBeLessThan(text.findIndex((line) => line.startsWith("  yes ")));
  expect(stdout).toContain("\n  NO       a restore was rehearsed: no drill of any snapshot\n    fix: lifeboat drill prod/good\n");
});

test("a cluster that is not configured is no cluster to judge", async () =>
  expect(await place.here("ready", "prdo")).toMatchObject({ code: 2, stderr: saying("prdo") }));

test("data that is gone is told, and the store's own log says so, too", async () => {
  const other = await newPlace(cluster, folder.path, "robbed");
  await other.here("backup", "prod");
  const { stdout } = await other.here("verify", "prod", "--missing");
  expect(stdout).toContain("prod/");
  await rm(other.path("vault/clusters/prod/data"), { recursive: true });
  const { code, stdout: text } = await other.here("ready", "prod");
  expect(code).toBe(6);
  expect(text).toContain("its data is there: the data of 1 snapshot is not there\n    fix: find out who can write to the store");
  expect(text).toMatch(/NO +the custody log is whole: .* names it as its data, and it is gone/);
});

test("a canary that a person opens with age rehearses break-glass, for half a year and for that identity alone", async () => {
  expect(await place.here("keys", "canary", "make", "--out", "canary")).toMatchObject({
    code: 0,
    stdout: saying("age -d -i IDENTITY canary-1.age"),
  });
  // Where the identity is kept, by hand.
  const { stdout } = await execa(requireProgram("age"), ["-d", "-i", place.path("break-glass.key"), place.path("canary/canary-1.age")]);
  const [phrase = ""] = stdout.split("\n");
  expect(phrase).toMatch(/^[0-9a-z]{4}(?:-[0-9a-z]{4}){4}$/);
  const wrong = await place.here("keys", "canary", "confirm", "0000-0000-0000-0000-0000", "--canary", "canary");
  expect(wrong).toMatchObject({ code: 2, stderr: saying("the phrase is none of those in canary") });
  expect((await ready()).answers).toMatchObject({ "break-glass": "no" });
  expect(await place.here("keys", "canary", "confirm", phrase, "--canary", "canary")).toMatchObject({
    code: 0,
    stdout: saying("recorded for prod"),
  });
  expect((await ready()).answers).toMatchObject({ ...WELL, "break-glass": "yes" });
  // It says nothing of the phrase.
  expect((await place.here("custody", "prod", "--json")).stdout).not.toContain(phrase);
  await place.edit("canary/canary.json", (text) => text.replace('"sig":"M', '"sig":"N'));
  expect(await place.here("keys", "canary", "confirm", phrase, "--canary", "canary")).toMatchObject({ code: 4 });
});

test("with a drill, and a recipient for its node, it is ready", async () => {
  await place.edit("lifeboat.yaml", (text) => text.replace(/^recipients:.*$/m, "").concat(`\nrecipients: { m1: ${NODE} }\n`));
  expect(await place.here("drill", "prod/good")).toMatchObject({ code: 0 });
  const { code, verdict, answers, rtoSeconds } = await ready();
  expect({ code, verdict, answers }).toEqual({
    code: 0,
    verdict: "ready",
    answers: { ...WELL, drill: "yes", "break-glass": "yes", recipients: "yes" },
  });
  expect(rtoSeconds).toBeGreaterThan(0);
  const { signed } = await ready("--sign");
  expect(signed).toMatchObject({ key: fitting(/^clusters\/prod\/verdicts\/\d{8}T\d{6}Z\.json$/) });
  const log = DOCUMENTS.custody.parse(JSON.parse((await place.here("custody", "prod", "--verify", "--json")).stdout));
  expect(log.verification).toMatchObject({ holds: true });
  expect(log.records.at(-1)).toMatchObject({ event: "judged", purpose: "audit", details: { reason: "ready" } });
  // Nothing of it stands against a removal.
  expect((await place.here("prune", "prod", "--dry-run")).stdout).not.toContain("not written by lifeboat");
});

test("an etcd that does not answer leaves its certificates unknown, and so the cluster is not ready", async () => {
  await place.edit("lifeboat.yaml", (text) => text.replaceAll(cluster.endpoints[0] ?? "", "http://127.0.0.1:1"));
  const { verdict, answers, loss } = await ready();
  expect(verdict).toBe("not ready");
  expect(answers).toMatchObject({ ...WELL, certificates: "unknown" });
  expect(loss).toMatchObject({ writes: null, basis: null });
});

test("files of nodes and the keys of encrypted values are asked for where any are kept, or the configuration says so", async () => {
  await place.edit("lifeboat.yaml", (text) => text.replaceAll(/http:\/\/127\.0\.0\.1:1\b/g, cluster.endpoints[0] ?? ""));
  const add = async (time: string): Promise<void> => {
    const { stdout } = await place.here("node-files", "recipient", "prod");
    const set = tarOf([headEntry({ node: "m1", time }), ...FOLDERS, CA, ENCRYPTION_CONFIG]);
    await writeFile(place.path("m1.age"), await encryptSmall([stdout.trim()], set));
    expect(await place.here("node-files", "add", "prod", "m1", "m1.age")).toMatchObject({ code: 0 });
  };
  const evidenceOf = async (name: string): Promise<readonly string[] | undefined> =>
    (await ready()).lines.find((line) => line.name === name)?.evidence;
  await add("2020-01-01T00:00:00Z");
  expect((await ready()).answers).toMatchObject({ ...WELL, "node-files": "yes", "encryption-keys": "yes" });
  await place.edit("lifeboat.yaml", (text) => text.replace("nodeFiles: {}", "nodeFiles: { every: 1d }"));
  expect((await ready()).answers).toMatchObject({ ...WELL, "node-files": "no", "encryption-keys": "yes" });
  expect(await evidenceOf("node-files")).toEqual([
    "files of m1 were not collected in time",
    fitting(/^m1: \d+ d.* ago$/),
    "nodeFiles.every is 24 h",
  ]);
  expect((await place.here("audit", "prod", "--json")).stdout).toContain('"node-files/missed"');
  await add(`${new Date().toISOString().slice(0, 19)}Z`);
  expect((await ready()).answers).toMatchObject({ ...WELL, "node-files": "yes" });
  expect((await place.here("audit", "prod", "--json")).stdout).not.toContain('"node-files/missed"');

  for (const key of ["key1", "key2"]) await cluster.etcdctl(["put", `/registry/secrets/default/${key}`, `k8s:enc:aescbc:v1:${key}:sealed`]);
  // A value of the past needs nothing now.
  await cluster.etcdctl(["put", "/registry/secrets/default/one", "k8s:enc:aescbc:v1:key0:sealed"]);
  await cluster.etcdctl(["del", "/registry/secrets/default/one"]);
  await place.here("backup", "prod");
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  expect(await evidenceOf("encryption-keys")).toEqual(["not aescbc key2"]);
});
