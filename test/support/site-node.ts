import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { until } from "../../tools/lab/until.ts";
import { ControlPlaneNode } from "./control-plane-node.ts";
import type { Program } from "./control-plane-node.ts";
import type { SiteCertificates } from "./site-certificates.ts";

export type Layout = "static-pod" | "systemd" | "bare";

/** A node of a site: what its member of etcd is, and the folder that stands for its file system. */
export interface SiteNode {
  readonly name: string;
  readonly layout: Layout;
  readonly root: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly dataDir: string;
  /** Flags of etcd's, with paths as the node has them. */
  readonly args: readonly string[];
  plane?: ControlPlaneNode;
}

export interface NodeOptions {
  readonly version: EtcdVersion;
  readonly certificates: SiteCertificates | undefined;
  /** Writes down on what each start of etcd finds: see `startsOf`. */
  readonly traced: boolean;
  /** A bare etcd has its flags from a file of variables, as those of systemd have; else from the program that starts it. */
  readonly withVariables: boolean;
  /** Whether a unit kube-apiserver runs on nodes of the other layouts too. */
  readonly apiUnits: boolean;
  /** What runs as kube-apiserver on a node with static pods; by default something that only sleeps. */
  readonly apiServer: ((node: SiteNode) => Promise<Program>) | undefined;
}

const API_SERVER: Program = { command: "sleep", args: ["infinity"] };
/** Where the node has its certificates: kubeadm's place, which restore.sh knows, or one that only the configuration names. */
export const pkiOf = (layout: Layout): string => (layout === "static-pod" ? "/etc/kubernetes/pki/etcd" : "/etc/etcd/pki");

/** Writes the node's configuration and starts what runs on it. */
export async function bringUp(
  node: SiteNode,
  { version, certificates, traced, withVariables, apiUnits, apiServer }: NodeOptions,
): Promise<void> {
  const { etcd } = requireEtcd(version);
  mkdirSync(node.dataDir, { recursive: true, mode: 0o700 });
  for (const folder of ["etc/kubernetes", "etc/systemd/system", "run/systemd/system"])
    mkdirSync(join(node.root, folder), { recursive: true });
  certificates?.writeTo(join(node.root, pkiOf(node.layout)));
  const before = traced ? tracer(node) : "";
  const run = (script: string): Program => ({ command: "bash", args: ["-c", `${before}${script}`] });
  // As systemd does, with the node's own folders.
  const inNode = `for name in \${!ETCD_*}; do [[ $name != *_FILE ]] || export "$name=${node.root}\${!name}"; done`;
  const variables = `set -a; . ${environmentOf(node)}; ${inNode}; ETCD_DATA_DIR=${node.dataDir}`;
  const plane = join(node.root, "plane");
  const unit: Readonly<Record<string, Program>> = apiUnits ? { "kube-apiserver": API_SERVER } : {};
  if (node.layout === "static-pod") {
    // As the kubelet does: with the flags of the manifest as it is now, and the node's own folders mounted.
    const file = join(plane, "manifests/etcd.yaml");
    const flags = `until [ -s ${file} ]; do sleep 0.05; done; mapfile -t flags < <(sed -n 's/^ *- \\(--.*\\)/\\1/p' ${file} | sed 's#-file=#&${node.root}#')`;
    const etcdProgram = run(`${flags}; exec ${etcd} "\${flags[@]}" --data-dir=${node.dataDir}`);
    node.plane = await ControlPlaneNode.start(plane, "static pods", {
      etcd: etcdProgram,
      "kube-apiserver": (await apiServer?.(node)) ?? API_SERVER,
    });
    symlinkSync(node.plane.manifests, manifestsOf(node));
    writeFileSync(join(node.plane.manifests, "etcd.yaml"), manifest(node, requireEtcd(version).version));
  } else if (node.layout === "systemd") {
    writeFileSync(environmentOf(node), environmentLines(node.args));
    writeFileSync(join(node.root, "etc/systemd/system/etcd.service"), `[Service]\nEnvironmentFile=-/etc/etcd.env\nExecStart=${etcd}\n`);
    const etcdProgram = run(`${variables}; exec ${etcd}`);
    node.plane = await ControlPlaneNode.start(plane, "systemd", { etcd: etcdProgram, ...unit });
  } else {
    const log = join(node.root, "etcd.log");
    const flags = withVariables ? "" : `${[...node.args, `--data-dir=${node.dataDir}`].join(" ")} `;
    if (withVariables) writeFileSync(environmentOf(node), environmentLines(node.args));
    writeFileSync(
      starterOf(node),
      `#!/bin/bash\nPATH=/usr/bin:/bin\n${before}${withVariables ? `${variables}\n` : ""}nohup ${etcd} ${flags}"$@" >>${log} 2>&1 </dev/null &\necho $! >${node.root}/etcd.pid\n`,
    );
    chmodSync(starterOf(node), 0o755);
    if (apiUnits) node.plane = await ControlPlaneNode.start(plane, "systemd", unit);
    await startBare(node);
  }
}

/** Of a bare etcd: what starts it, and its variables. */
export const starterOf = (node: SiteNode): string => join(node.root, "start");
export const environmentOf = (node: SiteNode): string => join(node.root, "etc/etcd.env");
/** A link, as to another disk. */
export const manifestsOf = (node: SiteNode): string => join(node.root, "etc/kubernetes/manifests");

export async function startBare(node: SiteNode): Promise<void> {
  await execa(starterOf(node));
}

/** The process id of the node's etcd; undefined where none runs. */
export function etcdOf(node: SiteNode): number | undefined {
  const file = node.layout === "bare" ? join(node.root, "etcd.pid") : join(node.root, "plane/run/etcd");
  if (node.layout !== "bare" && node.plane?.running.includes("etcd") !== true) return undefined;
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8"));
  return pid > 0 && isAlive(pid) ? pid : undefined;
}

/** SIGKILL, and nothing starts it again. */
export async function killNode(node: SiteNode): Promise<void> {
  const bare = node.layout === "bare" ? etcdOf(node) : undefined;
  await node.plane?.[Symbol.asyncDispose]();
  if (bare === undefined) return;
  process.kill(bare, "SIGKILL");
  await until(`${node.name} gone`, 10_000, () => !isAlive(bare));
}

/**
 * A digest of a folder and all that it holds: names, owners, modes, times and bytes.
 * openssl, since it takes the processor's own instructions: etcd's log files are 64 MB each.
 */
const DIGEST = (folder: string): string =>
  `(cd ${folder} && shopt -s dotglob && stat -c '%a %u %g' . && tar --sort=name --numeric-owner -c -- *) | openssl dgst -sha256 -r | cut -c 1-64`;

export async function treeDigest(folder: string): Promise<string> {
  return (await execa("bash", ["-o", "pipefail", "-c", DIGEST(folder)])).stdout;
}

const tracer = (node: SiteNode): string =>
  `[[ ! -d ${node.dataDir}/member ]] || (PATH=/usr/bin:/bin; ${DIGEST(`${node.dataDir}/member`)}) >>${node.root}/started-on\n`;

/** The digests of the member's folder at each start of etcd. */
export function startsOf(node: SiteNode): readonly string[] {
  const file = join(node.root, "started-on");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** What a rollback keeps of the restored member, and journals of before: nobody looks at them again. */
export function tidyUp(node: SiteNode): void {
  for (const [folder, prefix] of [
    [node.dataDir, "member.restored-"],
    [join(node.root, "var/lib/etcd-lifeboat/restore"), "journal."],
  ] as const)
    for (const name of readdirSync(folder).filter((each) => each.startsWith(prefix)))
      rmSync(join(folder, name), { recursive: true, force: true });
}

/** What tells one folder from another that was put in its place. */
export const inodeOf = (path: string): number => lstatSync(path).ino;

/** Flags as the variables that etcd reads in their place. */
function environmentLines(args: readonly string[]): string {
  const lines = args.map((each) =>
    each.replace(/^--([a-z-]+)=(.*)$/, (_, flag: string, value: string) => `ETCD_${flag.toUpperCase().replaceAll("-", "_")}="${value}"\n`),
  );
  return `# of the node\nETCD_DATA_DIR=/var/lib/etcd\n${lines.join("")}`;
}

function manifest(node: SiteNode, minor: string): string {
  const flags = [...node.args, "--data-dir=/var/lib/etcd"].map((each) => `    - ${each}\n`).join("");
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\nspec:\n  containers:\n  - command:\n    - etcd\n${flags}    image: registry.k8s.io/etcd:${minor}.9-0\n    name: etcd\n`;
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
