import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../../tools/lab/kubernetes-data.ts";

/** `npm run demo`, by the program that it runs. `npm run test:exhaustive` takes the way with a person's own cluster as well. */

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const STEPS = [
  "lifeboat init",
  "lifeboat preflight",
  "lifeboat backup",
  "lifeboat ls",
  "lifeboat verify demo/latest --deep",
  "lifeboat export",
  "etcdutl snapshot restore",
];

async function demo(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, ["tools/demo/main.ts", ...args], {
    cwd: ROOT,
    reject: false,
    env: { NO_COLOR: "1" },
  });
  expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout;
}

async function revisionOf(cluster: EtcdCluster): Promise<string> {
  return /"revision":(\d+)/.exec(await cluster.etcdctl(["get", "nothing", "-w", "json"]))?.[1] ?? "";
}

export function demoTests({ all }: { readonly all: boolean }): void {
  test("takes the whole way with a cluster of its own, and ends with every key the same", async () => {
    const printed = await demo([]);
    for (const step of STEPS) expect(printed).toContain(`$ ${step}`);
    expect(printed).toMatch(/\n\d{4,} keys: every value, revision, version and lease is the same$/);
  });

  if (all)
    test("takes the same way with a person's own cluster, which is only read", async () => {
      await using cluster = await startCluster({ version: "3.5", security: "certificate" });
      const { keys } = await fillWithKubernetesData(cluster.connection, { megabytes: 1 });
      const before = await revisionOf(cluster);
      const { ca = "", cert, key } = cluster.files;
      const files = ["--cacert", ca, "--cert", cert ?? "", "--key", key ?? ""];
      const printed = await demo([...cluster.endpoints.flatMap((each) => ["--endpoint", each]), ...files]);
      expect(printed).toContain(`${keys} keys: every value, revision, version and lease is the same`);
      expect(await revisionOf(cluster)).toBe(before);
    });

  test("a cluster that is not there is told, with exit code 1", async () => {
    const { exitCode, stdout } = await execa(process.execPath, ["tools/demo/main.ts", "--endpoint", "http://127.0.0.1:1"], {
      cwd: ROOT,
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("demo: lifeboat preflight ended with exit code 3");
  });
}
