import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openClient } from "../../tools/lab/connection.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { configMap, namespace, pod, secret } from "../../tools/lab/kubernetes/objects.ts";
import { SeededRandom } from "../../tools/lab/kubernetes/random.ts";
import { putCommandInto } from "../support/lifeboat.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { requireProgram } from "../support/programs.ts";

/** docs/runbook.md, "An object or a namespace was deleted" and "What changed since yesterday?": each command as it stands there, on a real etcd. kubectl is a stand-in that notes what it is given; a real API server takes such objects in test/kube. */

requireProgram("kube-decode");

const RUNBOOK = await readFile(new URL("../../docs/runbook.md", import.meta.url), "utf8");

function block(name: string): string {
  const text = new RegExp(`<!-- test: ${name} -->\\n *\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(RUNBOOK)?.[1];
  if (text === undefined) throw new Error(`docs/runbook.md has no block "${name}"`);
  return text;
}

let cluster: EtcdCluster;
let place: Place;
const random = new SeededRandom(18);
const OBJECTS = [
  namespace(random, "shop"),
  configMap(random, { namespace: "shop", name: "settings" }),
  secret(random, { namespace: "shop", name: "db" }),
  pod(random, { namespace: "other", name: "web" }),
];

beforeAll(async () => {
  cluster = await startCluster({ version: "3.6" });
  await using client = disposable(openClient(cluster.connection));
  for (const { key, value } of OBJECTS) await client.etcd.put(key).value(value).exec();
  await client.etcd.put("app/config/one").value("the value").exec();
  place = await newPlace(cluster, cluster.folder, "here");
  expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
  expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
  await putCommandInto(place.path("bin"));
  await writeFile(place.path("bin/kubectl"), '#!/bin/sh\necho "$*" >> kubectl.log\n');
  await chmod(place.path("bin/kubectl"), 0o755);
  await mkdir(place.path("run"), { recursive: true });
  // Somebody deletes the namespace, and more.
  await client.etcd.delete().prefix("/registry/configmaps/shop/").exec();
  await client.etcd.delete().prefix("/registry/secrets/shop/").exec();
  await client.etcd.delete().key("/registry/namespaces/shop").exec();
  await client.etcd.delete().key("app/config/one").exec();
  await client.etcd.put("/registry/persistentvolumes/pvc-1").value("v").exec();
});
afterAll(() => cluster.stop());

function disposable(etcd: ReturnType<typeof openClient>): AsyncDisposable & { readonly etcd: ReturnType<typeof openClient> } {
  return {
    etcd,
    async [Symbol.asyncDispose]() {
      etcd.close();
      await Promise.resolve();
    },
  };
}

async function run(name: string): Promise<string> {
  const path = [place.path("bin"), dirname(requireEtcd("3.6").etcdctl), process.env["PATH"]].join(":");
  const { stdout } = await execa("bash", ["-euo", "pipefail", "-c", block(name)], {
    cwd: place.path("."),
    env: { PATH: path, ETCDCTL_ENDPOINTS: cluster.endpoints.join(","), NO_COLOR: "1", XDG_RUNTIME_DIR: place.path("run") },
    extendEnv: false,
  });
  return stdout;
}

describe("the runbook's commands", () => {
  test("find what was deleted, and bring an object back", async () => {
    expect(await run("deleted find")).toMatch(/^configmaps +shop +settings/m);
    await run("deleted object");
    const object: unknown = parse(await readFile(place.path("settings.yaml"), "utf8"));
    expect(object).toMatchObject({ kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" } });
    expect(object).not.toHaveProperty("metadata.uid");
  });

  test("bring a namespace back", async () => {
    await run("deleted namespace");
    const files = (await readdir(place.path("shop"), { recursive: true })).filter((name) => name.endsWith(".yaml"));
    expect(files.map((name) => name.replace(/^\d\d-/, "")).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "configmaps/settings.yaml",
      "namespaces/shop.yaml",
      "secrets/db.yaml",
    ]);
    expect((await readFile(place.path("kubectl.log"), "utf8")).split("\n")).toEqual([
      "create --dry-run=server -f settings.yaml",
      "create -f settings.yaml",
      "create -R -f shop",
      "",
    ]);
  });

  test("say what changed, and what going back would undo", async () => {
    const changed = await run("changed");
    expect(changed).toContain("- namespaces shop\n");
    expect(changed).toContain("+ persistentvolumes pvc-1\n");
    expect(changed).toMatch(
      /^--- \/registry\/configmaps\/shop\/settings in prod\/.*\n\+\+\+ \/dev\/null \(not in live\)\n@@ -1,\d+ \+0,0 @@\n-apiVersion: v1\n/m,
    );
    expect(changed).toContain("lost: persistentvolumes pvc-1: its disk stays");
  });

  test("bring a key of a plain etcd back", async () => {
    await run("deleted key");
    expect(await cluster.etcdctl(["get", "app/config/one", "--print-value-only"])).toBe("the value\n");
  });
});
