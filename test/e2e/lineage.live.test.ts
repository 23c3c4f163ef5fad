import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import { wire } from "../../shared/wire/ports.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** A real etcd is replaced by another one, and then loses most of its keys: what a person sees, and what ends it. */

let folder: TemporaryFolder;
let first: EtcdCluster;
let second: EtcdCluster;
let place: Place;
/** The newest snapshot of the first cluster. */
let good: string;

beforeAll(async () => {
  [folder, first, second] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" }), startCluster({ version: "3.6" })]);
  place = await newPlace(first, folder.path, "lineages");
  await fill(first, "one", 1, 5);
  good = (await backup(0)).ref;
});
afterAll(async () => {
  await Promise.all([first.stop(), second.stop()]);
  await folder.remove();
});

/** So many keys, a hundred a transaction. */
async function fill(cluster: EtcdCluster, name: string, from: number, keys: number): Promise<void> {
  for (let start = from; start < from + keys; start += 100) {
    const puts = Array.from(
      { length: Math.min(100, from + keys - start) },
      (_, index) => `put /registry/configmaps/${name}/${start + index} value`,
    );
    await cluster.etcdctl(["txn"], { input: `\n${puts.join("\n")}\n\n\n` });
  }
}

async function backup(code: number, ...args: readonly string[]): Promise<ReturnType<typeof DOCUMENTS.backup.parse>> {
  const run = await place.here("backup", "prod", "--json", ...args);
  expect(`${run.code}: ${run.stderr}`).toMatch(new RegExp(`^${code}: `));
  return DOCUMENTS.backup.parse(JSON.parse(run.stdout));
}

test("another etcd behind the endpoints needs a person on every run, and every command that is near says so", async () => {
  await place.edit("lifeboat.yaml", (text) => text.replaceAll(first.endpoints[0] ?? "", second.endpoints[0] ?? ""));
  await fill(second, "two", 1, 400);
  const slot = ["--slot", RECENT_SLOT];
  const opened = await backup(6);
  expect(opened).toMatchObject({
    lineage: 2,
    lineageAttention: { number: 2, reason: "cluster-id-changed", message: saying("the endpoints of prod now answer as etcd cluster") },
    unbelievedLineages: [],
  });
  // Later ones, a slot, and the slot once more, which takes no snapshot.
  expect(await backup(6)).toMatchObject({ lineage: 2, lineageAttention: opened.lineageAttention });
  expect(await backup(6, ...slot)).toMatchObject({ existing: false, lineageAttention: opened.lineageAttention });
  expect(await backup(6, ...slot)).toMatchObject({ existing: true, lineageAttention: opened.lineageAttention });
  const text = await place.here("backup", "prod");
  expect(text).toMatchObject({ code: 6, stdout: saying("lifeboat lineage accept prod 2 --reason TEXT") });
  expect(text.stdout).toMatch(/^NOT ACCEPTED: +lineage 2 of prod is not accepted: /m);

  const preflight = await place.here("preflight", "prod", "--json");
  expect(preflight.code).toBe(6);
  expect(DOCUMENTS.preflight.parse(JSON.parse(preflight.stdout))).toMatchObject({
    lineage: { number: 2, opens: null },
    lineageAttention: { number: 2 },
  });
  expect(preflight.stdout).toContain('"lineage-unaccepted"');
  expect(await place.here("doctor", "--etcd")).toMatchObject({ code: 6, stdout: saying("lineage 2 of prod is not accepted") });

  const warning = `lifeboat: warning: lineage 2 of prod is not accepted: the endpoints of prod now answer as etcd cluster`;
  const listed = await place.here("ls", "prod");
  expect(listed).toMatchObject({ code: 0, stderr: saying(warning) });
  expect(listed.stdout.split("\n").filter((line) => / 2! /.test(line))).toHaveLength(4);
  const { snapshots, lineageAttention } = DOCUMENTS.ls.parse(JSON.parse((await place.here("ls", "--json")).stdout));
  expect(lineageAttention).toMatchObject([{ cluster: "prod", number: 2 }]);
  expect(snapshots.filter((each) => each.lineage === 1).map((each) => each.lineageAccepted)).toEqual([true]);
  expect(snapshots.filter((each) => each.lineage === 2).map((each) => each.lineageAccepted)).toEqual([false, false, false, false]);
  const instead = `; the newest snapshot of the last accepted lineage, 1, is ${good}\n`;
  expect(await place.here("show", opened.ref)).toMatchObject({
    code: 0,
    stdout: saying("lineage 2 (NOT ACCEPTED)"),
    stderr: saying(instead),
  });
  expect(await place.here("show", good)).toMatchObject({ code: 0, stderr: "" });
  // Countersigned, and of a lineage that a backup announced.
  const verified = await place.here("verify", opened.ref, "--deep", "--json");
  expect(verified.code).toBe(0);
  expect(DOCUMENTS.verify.parse(JSON.parse(verified.stdout))).toMatchObject({ good: true, lineageFindings: [] });
  const exported = await place.here("export", opened.ref, "--out", "other.db");
  expect(exported).toMatchObject({ code: 0, stderr: saying(warning) });
  expect(exported.stderr).toContain(instead);
});

test("it is quiet again once a person accepted it, who stands in the custody log", async () => {
  for (const [number, reason] of [
    ["3", "no such one"],
    ["x", "no number"],
  ] as const)
    expect(await place.here("lineage", "accept", "prod", number, "--reason", reason)).toMatchObject({ code: 2, stdout: "" });
  expect(await place.here("lineage", "accept", "prod", "1", "--reason", "the first")).toMatchObject({
    code: 0,
    stdout: saying("needs no acceptance"),
  });
  const accepted = await place.here("lineage", "accept", "prod", "2", "--reason", "rebuilt after INC-4711");
  expect(accepted).toMatchObject({ code: 0, stdout: saying("lineage 2 of prod is accepted (cluster-id-changed") });
  expect(await place.here("lineage", "accept", "prod", "2", "--reason", "again")).toMatchObject({
    code: 0,
    stdout: saying("was accepted before"),
  });
  expect(await backup(0)).toMatchObject({ lineage: 2, lineageAttention: null });
  expect((await place.here("preflight", "prod")).code).toBe(0);
  expect(await place.here("ls", "prod")).toMatchObject({ code: 0, stderr: "" });
  const lineages = await place.here("lineage", "ls", "prod");
  expect(lineages).toMatchObject({ code: 0, stderr: "" });
  expect(lineages.stdout).toMatch(/^1 +\S+ \S+ +first-backup .* 1 +first *$/m);
  expect(lineages.stdout).toMatch(/^2 +\S+ \S+ +cluster-id-changed .* 5 +\S+ \S+Z +rebuilt after INC-4711$/m);
  const { stdout } = await place.here("custody", "prod", "--json");
  expect(DOCUMENTS.custody.parse(JSON.parse(stdout)).records).toContainEqual(
    expect.objectContaining({ event: "lineage-accepted", purpose: "audit", details: { reason: "rebuilt after INC-4711" } }),
  );
  expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0, stdout: saying("the custody log of prod is intact") });
});

test("a person pins the last good one of the first cluster, and ends that", async () => {
  expect((await place.here("ls", "prod")).stdout).not.toContain("PIN");
  const reason = ["--reason", "until INC-4711 is closed"];
  expect(await place.here("pin", good, ...reason)).toMatchObject({ code: 0, stderr: "", stdout: saying(`${good} is pinned\ncustody: `) });
  expect(await place.here("pin", good, ...reason)).toMatchObject({ code: 0, stdout: saying("was pinned before, at ") });
  const listed = await place.here("ls", "prod");
  expect(listed).toMatchObject({ code: 0, stderr: "" });
  expect(listed.stdout).toMatch(/^SNAPSHOT .* PIN$/m);
  expect(listed.stdout.split("\n").filter((line) => line.endsWith(" pinned"))).toEqual([saying(good)]);
  const { snapshots, badPins } = DOCUMENTS.ls.parse(JSON.parse((await place.here("ls", "--json")).stdout));
  expect(badPins).toEqual([]);
  expect(snapshots.filter(({ pinned }) => pinned !== false)).toMatchObject([
    { ref: good, pinned: true, pin: { number: 1, pinned: true, reason: "until INC-4711 is closed", by: saying("@") } },
  ]);
  expect(await place.here("show", good)).toMatchObject({ code: 0, stdout: saying("until INC-4711 is closed") });
  // A replica, a restore or the log: each knows it.
  expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
  const unpinned = await place.here("unpin", good, "--reason", "closed", "--json");
  expect(DOCUMENTS.unpin.parse(JSON.parse(unpinned.stdout))).toMatchObject({ outcome: "unpinned", pinned: false, pin: { number: 2 } });
  expect((await place.here("ls", "prod")).stdout).not.toContain("PIN");
  expect((await place.here("custody", "prod")).stdout).toMatch(/ pinned +audit .* unpinned: closed$/m);
  await writeFile(place.path(`vault/clusters/prod/pins/${good.slice("prod/".length)}-3.json`), "junk");
  expect(await place.here("ls", "prod")).toMatchObject({ code: 6, stdout: saying("not known"), stderr: saying("-3.json is not JSON") });
  expect(await place.here("show", good)).toMatchObject({ code: 6, stdout: saying("not known, so it is kept as if it were") });
  expect(await place.here("unpin", good, "--reason", "closed")).toMatchObject({ code: 0, stderr: "" });
  expect(await place.here("ls", "prod")).toMatchObject({ code: 0, stderr: "" });
});

test("most keys gone are the next one", async () => {
  await second.etcdctl(["del", "--prefix", "/registry/configmaps/two/1"]);
  await second.etcdctl(["del", "--prefix", "/registry/configmaps/two/2"]);
  await second.etcdctl(["del", "--prefix", "/registry/configmaps/two/3"]);
  expect(await backup(6)).toMatchObject({ lineage: 3, lineageAttention: { number: 3, reason: "key-count-collapsed" } });
  expect(await place.here("lineage", "accept", "prod", "3", "--reason", "cleaned up")).toMatchObject({ code: 0 });
  expect(await backup(0)).toMatchObject({ lineage: 3, lineageAttention: null });
});

test("a slot whose snapshot was removed is not backed up again, and that is no failure", async () => {
  const [slot, key] = [["--slot", RECENT_SLOT, "--json"], `clusters/prod/snapshots/${RECENT_ID}.json`];
  const surroundings = { clock: systemClock, randomBytes, environment: {}, runtimeFolder: folder.path, stateFolder: undefined };
  const ports = await wire(await loadConfig(place.path("lifeboat.yaml"), { file: "lifeboat.yaml" }), surroundings);
  await appendRecord(ports, "prod", "audit", { event: "removed", subjects: [{ key }], details: { reason: "retention" } });
  await rm(place.path(`vault/${key}`));
  const again = await place.here("backup", "prod", ...slot);
  expect(again).toMatchObject({ code: 0, stderr: saying(`prod/${RECENT_ID} was backed up, and removed since`) });
  expect(DOCUMENTS.backupSkipped.parse(JSON.parse(again.stdout))).toMatchObject({ ref: `prod/${RECENT_ID}` });
  const all = await place.here("backup", "--all", ...slot);
  expect(all.code).toBe(0);
  expect(DOCUMENTS.backupAll.parse(JSON.parse(all.stdout)).clusters).toMatchObject([
    { backup: null, error: null, skipped: saying("removed since") },
  ]);
  expect((await place.here("custody", "prod")).stdout).toMatch(/ skipped +snapshot .* removed since: /);
});

test("what somebody put in the place of a lineage is told, by doctor also where etcd is gone", async () => {
  await place.edit("vault/clusters/prod/lineage/3.json", (text) => text.slice(0, 100));
  await second.stop();
  const doctor = await place.here("doctor", "--etcd");
  expect(doctor.code).toBe(6);
  expect(doctor.stdout).toContain("lineage/3.json is not JSON");
});
