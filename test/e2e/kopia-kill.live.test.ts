import { mkdir, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { fill } from "../etcd/support/fill.ts";
import { processesWith } from "../store/kopia/program-under-test.ts";
import { newKopiaPlace, REAL_KOPIA } from "../support/kopia-place.ts";
import { saying } from "../support/matchers.ts";
import type { Place } from "../support/place.ts";
import { signalled } from "../support/signalled.ts";

/** kill -9 of lifeboat while it writes into a Kopia repository, and a repository whose disk is full: with a real kopia where LIFEBOAT_TEST_KOPIA names one, else with the stand-in. */

let folder: TemporaryFolder;
let cluster: EtcdCluster;
let place: Place;
beforeAll(async () => {
  [folder, cluster] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" })]);
  await fill(cluster, 12);
  place = await newKopiaPlace(cluster, folder.path, "kopia");
  expect(await place.here("kopia", "init")).toMatchObject({ code: 0 });
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

const listing = z.object({ snapshots: z.array(z.object({ id: z.string() })) });
const status = z.object({ snapshots: z.number() });

/** What the manifests say, and what Kopia has. */
async function count(): Promise<{ readonly listed: number; readonly inKopia: number }> {
  const listed = listing.parse(JSON.parse((await place.here("ls", "prod", "--json")).stdout)).snapshots.length;
  const inKopia = status.parse(JSON.parse((await place.here("kopia", "status", "--json")).stdout)).snapshots;
  return { listed, inKopia };
}

async function expectNextBackup(): Promise<void> {
  const before = await count();
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
  expect(await count()).toEqual({ listed: before.listed + 1, inKopia: before.inKopia + 1 });
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
}

test.each([
  ["in the middle of the stream", "bytes 4000000"],
  ["when all was streamed and nothing is proven", "phase agreement"],
])("a backup that is killed %s leaves no snapshot and no process, and the next one works", async (_when, moment) => {
  const before = await count();
  const temporary = place.path("temporary");
  await mkdir(temporary, { recursive: true });
  const killed = await signalled("SIGKILL", moment, ["backup", "prod"], { ...place.options, env: { TMPDIR: temporary } });
  expect(killed).toMatchObject({ code: undefined, signal: "SIGKILL" });
  await until("no process of it", 10_000, () => processesWith(temporary).length === 0);
  expect(await count()).toEqual(before);
  expect(await place.here("orphans", "prod", "--older-than", "0s")).toMatchObject({ code: 0, stdout: saying("no orphans") });
  await expectNextBackup();
});

test("a snapshot whose manifest was not written counts for nothing, and is swept", async () => {
  const before = await count();
  const killed = await signalled("SIGKILL", "phase custody", ["backup", "prod"], place.options);
  expect(killed).toMatchObject({ code: undefined, signal: "SIGKILL" });
  expect(await count()).toEqual({ listed: before.listed, inKopia: before.inKopia + 1 });
  const orphans = await place.here("orphans", "prod", "--older-than", "0s");
  expect(orphans.stdout).toMatch(/clusters\/prod\/data\/\w+-[0-9a-f]{8}\.kopia/);
  expect(await place.here("orphans", "--sweep", "--older-than", "0s")).toMatchObject({ code: 0, stderr: "" });
  expect(await count()).toEqual(before);
  const removed = await place.here("custody", "prod", "--verify", "--json");
  expect(removed).toMatchObject({ code: 0, stdout: saying('"event": "removed"') });
  await expectNextBackup();
});

// A real disk is filled by no test: the stand-in says what kopia does there.
test.each(REAL_KOPIA === undefined ? ["one error, and no snapshot"] : [])("a repository whose disk is full: %s", async () => {
  const before = await count();
  const misbehave = place.path("repository.misbehave");
  const words =
    "takes-some: running in write session: flush error: error writing pack: can't write temporary file: no space left on device";
  await writeFile(misbehave, JSON.stringify({ "snapshot create": words }));
  const { code, stderr } = await place.here("backup", "prod");
  expect(code).toBe(5);
  expect(stderr).toMatch(/cannot write the snapshot of \/etc\w*\/prod into .*: there is no space left/);
  expect(stderr).toMatch(/hint: free space there or move the repository to a larger place/);
  expect(stderr.match(/^lifeboat: cannot/gm)).toHaveLength(1);
  await rm(misbehave);
  expect(await count()).toEqual(before);
  await expectNextBackup();
});
