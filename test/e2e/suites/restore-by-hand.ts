import { readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { requireEtcd } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { ControlPlaneNode } from "../../support/control-plane-node.ts";
import type { Manager } from "../../support/control-plane-node.ts";
import { initialise } from "../../support/initialise.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { putCommandInto } from "../../support/lifeboat.ts";

/** docs/runbook.md, "The cluster is dead: restore it by hand": each command as it stands there, on real etcd, with stand-ins for the kubelet and systemd. */

const RUNBOOK = await readFile(new URL("../../../docs/runbook.md", import.meta.url), "utf8");
const CHAPTER = RUNBOOK.slice(RUNBOOK.indexOf("## The cluster is dead: restore it by hand"), RUNBOOK.indexOf("## The bucket is gone"));
const BLOCKS = new Map(
  [...CHAPTER.matchAll(/<!-- test: ([a-z ]+) -->\n```sh\n([\s\S]*?)```/g)].map(([, name = "", text = ""]) => [name, text]),
);

const run = new Set<string>();
function block(name: string): string {
  const text = BLOCKS.get(name);
  if (text === undefined) throw new Error(`docs/runbook.md has no block "${name}"`);
  run.add(name);
  return text;
}

export interface Case {
  readonly version: EtcdVersion;
  readonly members: 1 | 3;
  readonly manager: Manager;
}

export function restoreByHandTests(cases: readonly Case[]): void {
  describe.each(cases)("etcd $version, $members member(s), $manager", (each) => {
    test(
      "the commands of the runbook bring the snapshot back on every member, and back again what was there before",
      () => tryOut(each),
      300_000,
    );
  });

  test("every block of the chapter was run", () => {
    expect([...BLOCKS.keys()].filter((name) => !run.has(name))).toEqual([]);
    expect([...CHAPTER.matchAll(/^```sh$/gm)]).toHaveLength(BLOCKS.size);
  });
}

async function tryOut({ version, members, manager }: Case): Promise<void> {
  await using cluster = await startCluster({ version, members, security: "tls" });
  await using folder = await temporaryFolder();
  await cluster.etcdctl(["put", "/registry/secrets/default/a", "one"]);
  await cluster.etcdctl(["put", "/registry/secrets/default/b", "two"]);
  await cluster.etcdctl(["put", "/registry/secrets/default/a", "three"]);
  const options = await initialise(cluster, folder.path);
  expect(await lifeboatHere(["backup", "prod"], options)).toMatchObject({ code: 0 });
  expect(await lifeboatHere(["verify", "prod/latest", "--deep"], options)).toMatchObject({ code: 0 });
  const before = await contentOf(cluster);
  await cluster.etcdctl(["put", "/registry/secrets/default/later", "four"]);
  const got = await bash("restore get", folder.path, { PATH: await pathWithLifeboat(folder.path), HOME: folder.path });
  expect(got).toContain(join("snapshot.db"));

  // From here on the nodes' own managers run it.
  await Promise.all(cluster.members.map((member) => member.kill()));
  await using nodes = new AsyncDisposableStack();
  const hosts = await Promise.all(
    cluster.members.map(async (member) => {
      const idle = { command: "sleep", args: ["infinity"] };
      const programs = { etcd: member.startCommand, "kube-apiserver": idle, "kube-controller-manager": idle, "kube-scheduler": idle };
      const node = nodes.use(await ControlPlaneNode.start(join(folder.path, member.name), manager, programs));
      return { node, member, environment: await environmentOf(cluster, member.name, node, join(folder.path, "snapshot.db")) };
    }),
  );
  const onEach = async (name: string): Promise<readonly string[]> =>
    Promise.all(hosts.map(({ node, environment }) => bash(name, node.folder, environment)));
  const onOne = async (name: string): Promise<string> => bash(name, folder.path, hosts[0]?.environment ?? {});

  await waitForEtcd(onOne);
  expect(await onOne("restore check stopped")).toContain("STILL RUNS");
  await onEach(`restore stop ${manager}`);
  for (const { node } of hosts) expect(node.running).toEqual([]);
  expect(await onOne("restore check stopped")).toBe("");
  await onEach("restore");
  await onEach(`restore start ${manager}`);
  const report = await waitForEtcd(onOne);
  expect(report).toMatch(/HASH/);
  expect(report).not.toContain("alarm:");
  await onOne("restore disarm");
  await onEach(`restore start api ${manager}`);
  await expectHere(cluster, before);
  const revisions = await Promise.all(cluster.members.map((member) => revisionAt(cluster, member.endpoint)));
  expect(new Set(revisions).size).toBe(1);
  expect(revisions[0]).toBeGreaterThan(1_000_000_000);
  await cluster.etcdctl(["put", "/registry/secrets/default/new", "five"]);
  // A kubelet starts what it finds in the folder when it looks the next time.
  for (const { node } of hosts) await until(`the programs of ${node.folder}`, 30_000, () => node.running.length === 4);

  await onEach(`restore stop ${manager}`);
  await onEach("restore undo");
  await onEach(`restore start ${manager}`);
  await waitForEtcd(onOne);
  expect(await cluster.etcdctl(["get", "/registry/secrets/default/later", "--print-value-only"])).toBe("four\n");
  expect(await cluster.etcdctl(["get", "/registry/secrets/default/new"])).toBe("");
}

function waitForEtcd(onOne: (name: string) => Promise<string>): Promise<string> {
  return onOne("restore check");
}

async function bash(name: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { exitCode, stdout, stderr } = await execa("bash", ["-euo", "pipefail", "-c", block(name)], {
    cwd,
    env,
    extendEnv: false,
    reject: false,
  });
  if (exitCode !== 0) throw new Error(`"${name}" ended with ${exitCode}: ${stdout}\n${stderr}`);
  return stdout;
}

async function pathWithLifeboat(folder: string): Promise<string> {
  await putCommandInto(join(folder, "bin"));
  return `${join(folder, "bin")}:${process.env["PATH"]}`;
}

/** The settings of step 2 for one node: those that the runbook names, and no other. */
async function environmentOf(
  cluster: EtcdCluster,
  name: string,
  node: ControlPlaneNode,
  snapshot: string,
): Promise<Readonly<Record<string, string>>> {
  const member = cluster.members.find((each) => each.name === name);
  const flag = (flagName: string): string =>
    member?.startCommand.args.find((each) => each.startsWith(`--${flagName}=`))?.slice(flagName.length + 3) ?? "";
  const { ca = "", cert = "", key = "" } = cluster.files;
  const settings = {
    NAME: name,
    PEER: flag("initial-advertise-peer-urls"),
    CLUSTER: flag("initial-cluster"),
    TOKEN: "restored-20261128-0130",
    SNAPSHOT: snapshot,
    DATA: member?.dataDir ?? "",
    MANIFESTS: node.manifests,
    ASIDE: join(node.folder, "stopped"),
    ETCDCTL_API: "3",
    ETCDCTL_ENDPOINTS: member?.endpoint ?? "",
    ETCDCTL_CACERT: ca,
    ETCDCTL_CERT: cert,
    ETCDCTL_KEY: key,
  };
  expect([...block("restore settings").matchAll(/(?:^|export | )([A-Z_]+)=/gm)].map(([, variable]) => variable)).toEqual(
    Object.keys(settings),
  );
  // 3.4's own tools cannot do it: those of 3.5, as the runbook says.
  const { etcdctl, etcdutl } = requireEtcd(cluster.version === "3.4" ? "3.5" : cluster.version);
  for (const program of [etcdctl, etcdutl]) await symlink(program, join(node.folder, "bin", program.slice(dirname(program).length + 1)));
  return { ...settings, NODE: node.folder, PATH: `${node.folder}/bin:${process.env["PATH"]}` };
}

async function contentOf(cluster: EtcdCluster): Promise<unknown> {
  const { kvs } = JSON.parse(await cluster.etcdctl(["get", "", "--prefix", "--write-out=json"])) as { readonly kvs: unknown };
  return kvs;
}

async function expectHere(cluster: EtcdCluster, before: unknown): Promise<void> {
  expect(await contentOf(cluster)).toEqual(before);
}

async function revisionAt(cluster: EtcdCluster, endpoint: string): Promise<number> {
  const text = await cluster.etcdctl(["get", "x", "--write-out=json"], { endpoints: [endpoint] });
  return (JSON.parse(text) as { readonly header: { readonly revision: number } }).header.revision;
}
