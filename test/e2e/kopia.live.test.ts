import { copyFile, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { saying } from "../support/matchers.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";
import { STAND_IN } from "../store/kopia/program-under-test.ts";

/** A store in a Kopia repository, from `kopia init` to the removal of a snapshot: with a real kopia where LIFEBOAT_TEST_KOPIA names one, else with the stand-in. */

const { LIFEBOAT_TEST_KOPIA: real } = process.env;

let folder: TemporaryFolder;
let cluster: EtcdCluster;
let place: Place;

beforeAll(async () => {
  [folder, cluster] = await Promise.all([temporaryFolder(), startCluster({ version: "3.6" })]);
  await cluster.etcdctl(["put", "/registry/configmaps/a", "value"]);
  place = await newPlace(cluster, folder.path, "kopia");
  await mkdir(place.path("tools"));
  if (real === undefined) await copyFile(STAND_IN, place.path("tools/kopia"));
  else await symlink(real, place.path("tools/kopia"));
  await place.edit("lifeboat.yaml", (text) =>
    text
      .replace(
        /^store:.*(\n {2}.*)*$/m,
        "store:\n  kind: kopia\n  repository: { kind: filesystem, path: ./repository }\n  manifests: { kind: directory, path: ./vault }",
      )
      .replace(/^tools:.*$/m, "tools: { dir: ./tools }"),
  );
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

async function run(code: number, ...args: readonly string[]): Promise<string> {
  const { code: actual, stdout, stderr } = await place.here(...args);
  expect(`${args.join(" ")}: ${actual}: ${stderr}`).toMatch(new RegExp(`^[^]*?: ${code}: `));
  return stdout + stderr;
}

describe("a store in a Kopia repository", () => {
  test("is refused before there is a repository, and says what to do", async () => {
    const refused = await place.here("backup", "prod");
    expect(refused.stderr).toMatch(/there is no password of a Kopia repository/);
    expect(refused.stderr).toMatch(/lifeboat kopia init/);
    expect(refused.code).not.toBe(0);
  });

  test("is made once, with a password that nobody sees", async () => {
    const made = await run(0, "kopia", "init", "--json");
    expect(JSON.parse(made.slice(0, made.lastIndexOf("}") + 1))).toMatchObject({
      outcome: "created",
      password: "kopia/1.json",
      splitter: "FIXED-128K",
    });
    expect(await run(0, "kopia", "init")).toMatch(/found, and set again,/);
    expect(await place.stored()).toContain("kopia/1.json");
  });

  test("takes a backup, which is shown, verified, exported and countersigned", async () => {
    await run(0, "backup", "prod", "--slot", RECENT_SLOT);
    expect((await place.stored()).filter((key) => key.includes("/data/"))).toEqual([]);
    expect(await run(0, "show", "prod/latest")).toMatch(/kopia repository [0-9a-f]{64}/);
    await run(0, "verify", "prod/latest");
    await run(0, "verify", "prod/latest", "--deep");
    await run(0, "export", "prod/good", "--out", place.path("snapshot.db"));
    const status = await run(0, "status", "prod/good");
    expect(status).toMatch(/revision/i);
    expect(await run(0, "ls", "prod")).toContain(RECENT_ID);
    expect(await run(0, "custody", "prod", "--verify")).not.toMatch(/finding/i);
  });

  test("says why it cannot be copied, bundled or rewrapped by snapshot", async () => {
    expect(await run(0, "rewrap", "prod")).toMatch(/has no key of its own/);
  });

  test("is pinned, in both places, and unpinned", async () => {
    await run(0, "pin", "prod/good", "--reason", "audit");
    await run(0, "verify", "prod/good");
    await run(0, "unpin", "prod/good", "--reason", "done");
  });

  test("is shown and maintained", async () => {
    expect(await run(0, "kopia", "status")).toMatch(/snapshots +1\n/);
    expect(await run(0, "kopia", "maintain")).toMatch(/full maintenance of/);
    expect(await run(0, "orphans", "prod")).toMatch(/no orphans|nothing/i);
  });

  test("leaves no folder of kopia's behind", () => {
    expect(join(folder.path, "x")).toEqual(saying("x"));
  });
});
