import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { handler as backup } from "../../functions/backup.ts";
import { forgetContainer } from "../../functions/container.ts";
import { handler as keeper } from "../../functions/keeper.ts";
import { handler as maintain } from "../../functions/maintain.ts";
import { handler as verify } from "../../functions/verify.ts";
import { ENVIRONMENT } from "../../shared/contract/service.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { invoke } from "../support/invoke-function.ts";
import { newKopiaPlace } from "../support/kopia-place.ts";
import { saying } from "../support/matchers.ts";
import type { Place } from "../support/place.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** The handlers in this process, with a Kopia repository: kopia is found on PATH, as in a layer. A real one where LIFEBOAT_TEST_KOPIA names it, else the stand-in. */

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let place: Place;

beforeAll(async () => {
  [folder, cluster] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" })]);
  await cluster.etcdctl(["put", "/registry/configmaps/a", "value"]);
  place = await newKopiaPlace(cluster, folder.path, "function");
  expect(await place.here("kopia", "init")).toMatchObject({ code: 0 });
  // `tools.dir` is of the machine that the file was written on.
  await place.edit("lifeboat.yaml", (text) => text.replace("./tools }", "/nonexistent/tools }"));
  vi.stubEnv(ENVIRONMENT.config, place.path("lifeboat.yaml"));
  vi.stubEnv(ENVIRONMENT.service, "etcd");
  vi.stubEnv("PATH", `${place.path("tools")}:${process.env["PATH"]}`);
  vi.stubEnv("TMPDIR", folder.path);
});
afterAll(async () => {
  await forgetContainer();
  vi.unstubAllEnvs();
  await cluster.stop();
  await folder.remove();
});

test("a slot is backed up, verified and left alone by the keeper", async () => {
  const backedUp = await invoke(backup, { cluster: "prod", slot: RECENT_SLOT });
  expect(backedUp.failure).toBeUndefined();
  expect(backedUp.outcome).toMatchObject({ id: RECENT_ID, needsAttention: false });
  const verified = await invoke(verify, { cluster: "prod", id: RECENT_ID });
  expect(verified.failure).toBeUndefined();
  expect(await invoke(keeper, { cluster: "prod" })).toMatchObject({ failure: undefined, outcome: { removed: 0, findings: [] } });
});

test("the repository is maintained, whatever the event says, and no metric of a cluster is written", async () => {
  const { outcome, failure, metrics } = await invoke(maintain, {});
  expect(failure).toBeUndefined();
  expect(outcome).toMatchObject({ location: place.path("repository"), snapshots: 1, locksExtended: null });
  expect(metrics).toEqual([]);
});

test("a failure of it is one of the function, and nothing is left in its folder", async () => {
  await place.edit("lifeboat.yaml", (text) => text.replace("path: ./repository", "path: ./nowhere"));
  await forgetContainer();
  const { failure } = await invoke(maintain, {});
  expect(failure).toMatchObject({ name: "store/missing", message: saying("there is no Kopia repository") });
  expect((await readdir(folder.path)).filter((name) => name.startsWith("lifeboat-kopia-"))).toEqual([]);
});
