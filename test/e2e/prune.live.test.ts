import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { fill } from "../etcd/support/fill.ts";
import { saying } from "../support/matchers.ts";
import { custodyIn, expectBackup, expectTruth, newPlace } from "../support/place.ts";

/** Prune by the command over real backups of a real etcd. */

let etcd: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  [etcd, folder] = await Promise.all([startCluster({ version: "3.6" }), temporaryFolder()]);
  await fill(etcd, 1);
});
afterAll(async () => {
  await etcd.stop();
  await folder.remove();
});

function hoursAgo(hours: number): string {
  return `${new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 19)}Z`;
}

test("of four backups the two oldest go, and what stays is whole and restores the same", async () => {
  const place = await newPlace(etcd, folder.path, "pruned");
  const file = join(place.options.cwd, "lifeboat.yaml");
  const text = await readFile(file, "utf8");
  const counts = "retention: { latest: 2, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0, minAge: 1s }";
  await writeFile(file, text.replace(/^( {4})retention:\n(?: {6}.*\n)+/m, `$1${counts}\n`));
  const ids: string[] = [];
  // Of hours, so that they are apart by more than minAge however fast this machine is.
  for (const hours of [3, 2, 1]) ids.push((await expectBackup(place, ["--slot", hoursAgo(hours)])).id);
  ids.push((await expectBackup(place)).id);
  const done = await place.here("prune", "prod", "--although", "many", "--json");
  expect(done.code).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({
    keep: 2,
    remove: 2,
    order: { outcome: "ordered", subjects: 6 },
    execution: { removed: ids.slice(0, 2).map((id) => ({ id, objects: 3 })), refused: [], locked: [] },
  });
  expect(done.stderr).toEqual(saying("minAge"));
  expect(await expectTruth(place)).toEqual(ids.slice(2));
  expect((await custodyIn(place)).findings).toEqual([]);
  for (const id of ids.slice(2)) expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
  // A removed slot is never taken again, and the next backup is one more.
  const next = await expectBackup(place);
  expect(ids).not.toContain(next.id);
});
