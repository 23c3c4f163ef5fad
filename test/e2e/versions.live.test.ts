import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { LAYOUTS, versionTests } from "./suites/versions.ts";

// Each version with one layout, and each layout with one version; versions.exhaustive.test.ts has all of both.
for (const [index, version] of ETCD_VERSIONS.entries()) versionTests(version, LAYOUTS.slice(index % LAYOUTS.length).slice(0, 1));

test("a member whose certificate has another name is refused with the way out, and backed up with it", async () => {
  await using cluster = await startCluster({ version: "3.6", security: "password", serverName: "etcd.example" });
  await using folder = await temporaryFolder();
  const options = await initialise(cluster, folder.path);
  const refused = await lifeboatHere(["backup", "prod"], options);
  expect(refused).toMatchObject({ code: 3, stdout: "" });
  expect(refused.stderr).toContain("serverName");
  const file = join(folder.path, "lifeboat.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("      # serverName: etcd.example", "      serverName: etcd.example"));
  expect(await lifeboatJsonHere(["backup", "prod"], options)).toMatchObject({ cluster: "prod" });
});
