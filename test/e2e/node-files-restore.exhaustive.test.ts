import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { treeOf } from "../support/files-node.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import { needs, requireProgram } from "../support/programs.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode, SiteOptions, SiteRun } from "../support/restore-site.ts";
import { RunbookChapter } from "./suites/runbook-chapter.ts";
import { addRecipients, whereConfigured } from "./suites/runbook-hosts.ts";

/** docs/runbook.md, "Certificates or manifests of a node are lost" and "New machines with new addresses": each command as it stands there, from collect.sh on a node on. What kubeadm would make is made by hand. */

const COLLECT = fileURLToPath(new URL("../../node/collect.sh", import.meta.url));
const RESTORE = new RunbookChapter("The cluster is dead: restore it from a bundle");
const FILES = new RunbookChapter("Certificates or manifests of a node are lost");
const MOVED = new RunbookChapter("New machines with new addresses");

/** What kubeadm has beside etcd's own certificates. */
const KUBEADM: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "pki/ca.crt",
    "pki/ca.key",
    "pki/etcd/ca.crt",
    "pki/etcd/ca.key",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-ca.key",
    "pki/sa.key",
    "pki/sa.pub",
    "pki/apiserver.crt",
  ]
    .map((name) => [name, `${name}\n`] as const)
    .concat([["enc/config.yaml", "kind: EncryptionConfiguration\nresources: []\n"]]),
);

interface Scene extends AsyncDisposable {
  readonly site: RestoreSite;
  readonly node: SiteNode;
  /** Has lifeboat.yaml. */
  readonly cwd: string;
  /** The blocks that bring a bundle to the node and unpack it; what `make` printed is in the answer. */
  readonly bring: (makes: readonly string[]) => Promise<string>;
  /** A block on the node. */
  readonly on: (block: string) => Promise<SiteRun>;
}

/** One node, whose files are collected, and a backup that is good. */
async function scene(options: SiteOptions): Promise<Scene> {
  const site = await RestoreSite.start("3.6", ["static-pod"], options);
  const folder = await temporaryFolder();
  const [node] = site.nodes;
  if (node === undefined) throw new Error("no node");
  const cwd = folder.path;
  const here = { cwd, env: {} };
  const lifeboat = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await lifeboatHere(args, here);
    if (code !== 0) throw new Error(`lifeboat ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.trim();
  };
  ownManifests(node);
  for (const [name, text] of Object.entries(KUBEADM)) {
    const file = join(node.root, "etc/kubernetes", name);
    mkdirSync(join(file, ".."), { recursive: true });
    // Where etcd has TLS its authority is a real one.
    if (!existsSync(file)) writeFileSync(file, text, { mode: 0o600 });
  }
  await site.etcdctl(["put", "/registry/secrets/default/a", "one"]);
  await lifeboat("init", "--cluster", "prod", "--endpoint", node.clientUrl, ...site.clientFiles(node));
  await addRecipients(site, cwd);
  await lifeboat("backup", "prod");
  await lifeboat("verify", "prod/latest", "--deep");
  const recipient = await lifeboat("node-files", "recipient", "prod");
  const of = ["--cluster", "prod", "--node", "cp-1", "--recipient", recipient, "--age", requireProgram("age")];
  await execa("bash", [COLLECT, ...of, "--root", node.root, "--out", join(cwd, "set.age")]);
  await lifeboat("node-files", "add", "prod", "cp-1", "set.age");
  let fingerprint = "";
  const on = (block: string): Promise<SiteRun> => site.type(node, block, { NAME: "cp-1", FINGERPRINT: fingerprint });
  return {
    site,
    node,
    cwd,
    on,
    bring: async (makes) => {
      let out = "";
      for (const each of makes) out += await whereConfigured(each, site, cwd);
      fingerprint = /sha256:[0-9a-f]{64}/.exec(out)?.[0] ?? "";
      expect(await on(RESTORE.block("bundle unpack"))).toMatchObject({ code: 0, out: expect.stringContaining("Verified OK") as string });
      return out;
    },
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
}

/** The kubelet's stand-in watches the node's own folder, which the site has as a link to its own. */
function ownManifests(node: SiteNode): void {
  const [own, watched] = [join(node.root, "etc/kubernetes/manifests"), join(node.root, "plane/manifests")];
  rmSync(own);
  mkdirSync(own);
  // Not a moment without a manifest.
  for (const name of ["etcd.yaml", "kube-apiserver.yaml"])
    writeFileSync(join(own, name), readFileSync(join(watched, name)), { mode: 0o600 });
  symlinkSync(own, `${watched}.new`);
  renameSync(watched, `${watched}.old`);
  renameSync(`${watched}.new`, watched);
}

describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("a node's files", () => {
  test("that are lost come back by the commands of the runbook, and go again", { timeout: 300_000 }, async () => {
    await using here = await scene({ security: "tls" });
    const { site, node, on, bring } = here;
    const kubernetes = join(node.root, "etc/kubernetes");
    const before = treeOf(kubernetes);
    const snapshot = await site.keys();
    rmSync(join(kubernetes, "pki"), { recursive: true });
    writeFileSync(join(kubernetes, "enc/config.yaml"), "overwritten\n");
    const lost = treeOf(kubernetes);

    const made = await bring([FILES.block("files make")]);
    expect(made).toMatch(/node files: +cp-1\.tar has those of \d{8}T\d{6}Z/);
    const look = await on(FILES.block("files look"));
    expect(look, look.err).toMatchObject({ code: 0 });
    expect(look.out).toMatch(/^missing +\/etc\/kubernetes\/pki\/etcd\/server\.key: mode 600, owner 0:0$/m);
    expect(look.out).toMatch(/^changed +\/etc\/kubernetes\/enc\/config\.yaml/m);
    expect(treeOf(kubernetes)).toEqual(lost);

    const placed = await on(FILES.block("files apply"));
    expect(placed, placed.err).toMatchObject({ code: 0, out: expect.stringContaining("done:") as string });
    expect(withoutTimes(treeOf(kubernetes, false))).toEqual(withoutTimes(before));
    expect(await on(FILES.block("files status"))).toMatchObject({ code: 0, out: expect.stringMatching(/done$/) as string });
    expect(await on(FILES.block("files restart"))).toMatchObject({ code: 0 });
    await site.healthy();
    expect(await site.keys()).toEqual(snapshot);

    expect(await on(FILES.block("files rollback"))).toMatchObject({ code: 0 });
    expect(treeOf(kubernetes)).toEqual(lost);
    expect(await on(FILES.block("files part"))).toMatchObject({ code: 0 });
    expect(readFileSync(join(kubernetes, "enc/config.yaml"), "utf8")).toBe("overwritten\n");
    expect(existsSync(join(kubernetes, "pki/etcd/server.key"))).toBe(true);
  });

  test("give a new machine with another address its authorities, and the snapshot comes up there", { timeout: 300_000 }, async () => {
    await using here = await scene({});
    const { site, node, cwd, on, bring } = here;
    const snapshot = await site.keys();
    const manifest = readFileSync(join(node.root, "etc/kubernetes/manifests/etcd.yaml"), "utf8");
    await whereConfigured(MOVED.block("moved members"), site, cwd);
    // The old machine is gone; the new one has nothing, but a key of its own under the old name, which addRecipients wrote.
    rmSync(join(node.root, "etc/kubernetes/manifests/kube-apiserver.yaml"));
    rmSync(join(node.root, "etc/kubernetes/manifests/etcd.yaml"));
    await until("nothing runs", 60_000, () => node.plane?.running.length === 0);
    rmSync(join(node.root, "etc/kubernetes/pki"), { recursive: true });
    rmSync(join(node.root, "etc/kubernetes/enc"), { recursive: true });
    rmSync(join(node.dataDir, "member"), { recursive: true });
    const moved = (text: string): string => text.replaceAll("127.0.0.1", "127.0.0.2");
    const nodes = join(cwd, "nodes.yaml");
    writeFileSync(nodes, moved(readFileSync(nodes, "utf8")));

    await bring([MOVED.block("moved make"), RESTORE.block("bundle bring")]);
    const placed = await on(MOVED.block("moved authorities"));
    expect(placed, placed.err).toMatchObject({ code: 0 });
    for (const [name, text] of Object.entries(KUBEADM).filter(([each]) => !each.endsWith("apiserver.crt")))
      expect(readFileSync(join(node.root, "etc/kubernetes", name), "utf8")).toBe(text);
    expect(existsSync(join(node.root, "etc/kubernetes/pki/apiserver.crt"))).toBe(false);
    // As kubeadm does.
    writeFileSync(join(node.root, "etc/kubernetes/manifests/etcd.yaml"), moved(manifest));
    const applied = await on(RESTORE.block("bundle apply"));
    expect(applied, applied.err).toMatchObject({ code: 0 });
    const there = { ...node, clientUrl: moved(node.clientUrl) };
    expect(await site.keys(there)).toEqual(snapshot);
    expect(await site.etcdctl(["member", "list"], there)).toContain(moved(node.peerUrl));
  });

  afterAll(() => {
    expect([...FILES.notRun, ...MOVED.notRun]).toEqual([]);
    expect([FILES.names.length, MOVED.names.length]).toEqual([FILES.count, MOVED.count]);
  });
});

/** Files that were placed have the time of that. */
function withoutTimes(tree: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tree).map(([name, what]) => [name, what.replace(/^(\d+ \d+:\d+ )[\d.]*/, "$1")]));
}
