import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { restore } from "../../tools/lab/restore.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { fill } from "../etcd/support/fill.ts";
import { initialise } from "../support/initialise.ts";
import { lifeboat } from "../support/lifeboat.ts";
import { needs, requireProgram } from "../support/programs.ts";

/** Promise 6: a stored snapshot is verified and opened by the script in docs/format.md, without a line of ours. */
describe.skipIf(needs("openssl", "jq", "age", "zstd"))("the script in docs/format.md", () => {
  let cluster: EtcdCluster;
  let folder: TemporaryFolder;
  let script: string;
  let environment: Record<string, string>;

  beforeAll(async () => {
    cluster = await startCluster({ version: "3.6", security: "tls" });
    folder = await temporaryFolder();
    await fillWithKubernetesData(cluster.connection, { megabytes: 1 });
    // Several frames of zstd.
    await fill(cluster, 8);
    const options = await initialise(cluster, folder.path);
    expect((await lifeboat(["backup", "prod"], options)).code).toBe(0);
    const format = await readFile(new URL("../../docs/format.md", import.meta.url), "utf8");
    script = /<!-- test: open-by-hand -->\n```sh\n([\s\S]*?)```/.exec(format)?.[1] ?? "";
    expect(script).not.toBe("");
    const snapshots = join(folder.path, "vault/clusters/prod/snapshots");
    const [manifest = ""] = await readdir(snapshots);
    const fingerprint = /snapshot: \[(sha256:[0-9a-f]{64})\]/.exec(await readFile(join(folder.path, "lifeboat.yaml"), "utf8"))?.[1] ?? "";
    environment = {
      PATH: `${dirname(requireProgram("age"))}:${process.env["PATH"]}`,
      STORE: join(folder.path, "vault"),
      MANIFEST: join(snapshots, manifest),
      FINGERPRINT: fingerprint,
      WRAPPING_IDENTITY: join(folder.path, "keys/wrapping.key"),
      OUT: join(folder.path, "by-hand.db"),
    };
  });
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  const run = (env: Record<string, string>): ReturnType<typeof execa> =>
    execa("sh", ["-c", script], { env, extendEnv: false, reject: false });

  test.each([
    ["the wrapping key", {}],
    ["a break-glass identity", { BREAK_GLASS_IDENTITY: "break-glass.key", WRAPPING_IDENTITY: "/nonexistent" }],
  ])("verifies and opens with %s, and etcdutl takes what comes out", async (_name, change: { readonly BREAK_GLASS_IDENTITY?: string }) => {
    const out = join(folder.path, `by-hand-${change.BREAK_GLASS_IDENTITY ?? "wrapping"}.db`);
    const keys =
      change.BREAK_GLASS_IDENTITY === undefined ? {} : { ...change, BREAK_GLASS_IDENTITY: join(folder.path, change.BREAK_GLASS_IDENTITY) };
    const { exitCode, stdout, stderr } = await run({ ...environment, ...keys, OUT: out });
    expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Verified OK");
    expect(stdout).toContain(`verified and opened: ${out}`);
    expect((await restore("3.6", out, join(folder.path, `restored-${change.BREAK_GLASS_IDENTITY ?? "wrapping"}`))).dataDir).toContain(
      "restored",
    );
    await rm(out);
  });

  test("refuses another key's signature", async () => {
    const { exitCode, stdout } = await run({ ...environment, FINGERPRINT: `sha256:${"0".repeat(64)}` });
    expect(exitCode).not.toBe(0);
    expect(stdout).not.toContain("verified and opened");
  });
});
