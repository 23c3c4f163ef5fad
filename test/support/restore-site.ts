import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { freePorts } from "../../tools/lab/free-port.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { ControlPlaneNode } from "./control-plane-node.ts";
import type { Program } from "./control-plane-node.ts";
import { makeBundle, newAgeIdentity, newBundleKey, oldNodePath, RESTORE_SH } from "./restore-bundle.ts";
import type { BundleMaking, MadeBundle } from "./restore-bundle.ts";

export type Layout = "static-pod" | "systemd" | "bare";

export interface SiteNode {
  readonly name: string;
  readonly layout: Layout;
  /** Stands for the node's file system. */
  readonly root: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly dataDir: string;
  readonly args: readonly string[];
  plane?: ControlPlaneNode;
}

export interface SiteRun {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** Keys with all that etcd knows of each. */
export type Keys = readonly unknown[];

const START_MS = 60_000;

const FROM_MANIFEST = `until [ -s "$1" ]; do sleep 0.05; done; mapfile -t flags < <(sed -n 's/^ *- \\(--.*\\)/\\1/p' "$1"); exec "$0" "\${flags[@]}" --data-dir="$2"`;

export interface SiteOptions {
  /** What runs as kube-apiserver on a node with static pods; by default something that only sleeps. */
  readonly apiServer?: (node: SiteNode) => Promise<Program>;
}

/** An etcd cluster of nodes that each have a root of their own, and the means to restore it by restore.sh. */
export class RestoreSite implements AsyncDisposable {
  readonly nodes: readonly SiteNode[];
  readonly version: EtcdVersion;
  readonly #key = newBundleKey();
  readonly #temporary: TemporaryFolder;
  readonly #path: string;
  readonly #recipient: string;

  private constructor(temporary: TemporaryFolder, version: EtcdVersion, nodes: readonly SiteNode[]) {
    this.#temporary = temporary;
    this.version = version;
    this.nodes = nodes;
    this.#path = oldNodePath(join(temporary.path, "bin"));
    this.#recipient = newAgeIdentity(this.#identity);
  }

  /** A healthy cluster with a node for each layout. */
  static async start(version: EtcdVersion, layouts: readonly Layout[], options: SiteOptions = {}): Promise<RestoreSite> {
    const temporary = await temporaryFolder();
    const ports = await freePorts(layouts.length * 2);
    const peers = layouts.map((_, index) => `m${index + 1}=http://127.0.0.1:${ports[2 * index]}`);
    const nodes = layouts.map((layout, index): SiteNode => {
      const name = `m${index + 1}`;
      const root = join(temporary.path, name);
      const [peerUrl, clientUrl] = [ports[2 * index], ports[2 * index + 1]].map((port) => `http://127.0.0.1:${port}`);
      if (peerUrl === undefined || clientUrl === undefined) throw new Error("no port");
      const dataDir = join(root, "var/lib/etcd");
      const args = [
        `--name=${name}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--initial-cluster=${peers.join(",")}`,
        "--logger=zap",
        "--log-level=warn",
      ];
      return { name, layout, root, peerUrl, clientUrl, dataDir, args };
    });
    const site = new RestoreSite(temporary, version, nodes);
    try {
      await Promise.all(nodes.map((node) => site.#bringUp(node, options)));
      await site.healthy();
      return site;
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #identity(): string {
    return join(this.#temporary.path, "node.key");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await this.kill(node);
    await this.#temporary.remove();
  }

  async #bringUp(node: SiteNode, { apiServer }: SiteOptions): Promise<void> {
    const { etcd } = requireEtcd(this.version);
    mkdirSync(node.dataDir, { recursive: true, mode: 0o700 });
    mkdirSync(join(node.root, "etc/kubernetes"), { recursive: true });
    if (node.layout === "static-pod") {
      node.plane = await ControlPlaneNode.start(join(node.root, "plane"), "static pods", {
        // As the kubelet does: with the flags of the manifest as it is now, and the node's own folder mounted.
        etcd: { command: "bash", args: ["-c", FROM_MANIFEST, etcd, join(node.root, "plane/manifests/etcd.yaml"), node.dataDir] },
        "kube-apiserver": (await apiServer?.(node)) ?? { command: "sleep", args: ["infinity"] },
      });
      symlinkSync(node.plane.manifests, join(node.root, "etc/kubernetes/manifests"));
      writeFileSync(join(node.plane.manifests, "etcd.yaml"), manifest(node, requireEtcd(this.version).version));
    } else if (node.layout === "systemd") {
      const environment = join(node.root, "etc/etcd.env");
      const variables = node.args.map((each) =>
        each.replace(/^--([a-z-]+)=(.*)$/, (_, name: string, value: string) => `${variable(name)}="${value}"\n`),
      );
      writeFileSync(environment, `# of the node\nETCD_DATA_DIR=/var/lib/etcd\n${variables.join("")}`);
      mkdirSync(join(node.root, "etc/systemd/system"), { recursive: true });
      writeFileSync(join(node.root, "etc/systemd/system/etcd.service"), `[Service]\nEnvironmentFile=-/etc/etcd.env\nExecStart=${etcd}\n`);
      const script = `set -a; . ${environment}; ETCD_DATA_DIR=${node.dataDir} exec ${etcd}`;
      node.plane = await ControlPlaneNode.start(join(node.root, "plane"), "systemd", {
        etcd: { command: "bash", args: ["-c", script] },
      });
    } else {
      const args = [...node.args, `--data-dir=${node.dataDir}`];
      writeFileSync(
        this.#starter(node),
        `#!/bin/bash\nPATH=/usr/bin:/bin\nnohup ${etcd} ${args.join(" ")} "$@" >>${node.root}/etcd.log 2>&1 </dev/null &\necho $! >${node.root}/etcd.pid\n`,
      );
      chmodSync(this.#starter(node), 0o755);
      await this.startBare(node);
    }
  }

  #starter(node: SiteNode): string {
    return join(node.root, "start");
  }

  async startBare(node: SiteNode): Promise<void> {
    await execa(this.#starter(node));
  }

  /** SIGKILL, and nothing starts it again. */
  async kill(node: SiteNode): Promise<void> {
    await node.plane?.[Symbol.asyncDispose]();
    const file = join(node.root, "etcd.pid");
    if (node.layout !== "bare" || !existsSync(file)) return;
    const pid = Number(readFileSync(file, "utf8"));
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      return;
    }
    await until(`${node.name} gone`, 10_000, () => !isAlive(pid));
  }

  /** As `systemctl stop`, seen from the node's own stand-in. */
  async stopUnit(node: SiteNode): Promise<void> {
    const env = { NODE: `${node.root}/plane`, PATH: process.env["PATH"] };
    await execa(join(node.root, "plane/bin/systemctl"), ["stop", "etcd"], { env });
  }

  async etcdctl(args: readonly string[], node = this.nodes[0]): Promise<string> {
    const { etcdctl } = requireEtcd(this.version);
    const env = { PATH: process.env["PATH"], ETCDCTL_API: "3" };
    const { stdout } = await execa(etcdctl, [`--endpoints=${node?.clientUrl}`, ...args], { env, extendEnv: false });
    return stdout;
  }

  async healthy(): Promise<void> {
    for (const node of this.nodes)
      await until(
        `${node.name} healthy`,
        START_MS,
        async () => {
          try {
            await this.etcdctl(["endpoint", "health"], node);
            return true;
          } catch {
            return false;
          }
        },
        200,
      );
  }

  async keys(node?: SiteNode): Promise<Keys> {
    const answer = JSON.parse(await this.etcdctl(["get", "", "--prefix", "--from-key=false", "-w", "json"], node)) as { kvs?: unknown[] };
    return answer.kvs ?? [];
  }

  async revision(node?: SiteNode): Promise<number> {
    const answer = JSON.parse(await this.etcdctl(["get", "x", "-w", "json"], node)) as { header: { revision: number } };
    return answer.header.revision;
  }

  /** A bundle of the cluster as it is now, in a folder of its own. */
  async bundle(more: Partial<BundleMaking> = {}): Promise<MadeBundle> {
    const file = join(this.#temporary.path, `${randomBytes(4).toString("hex")}.db`);
    const revision = await this.revision();
    await this.etcdctl(["snapshot", "save", file]);
    const minor = this.version;
    const tools = minor === "3.4" ? "3.5" : minor;
    const members = this.nodes.flatMap((node, index): [string, string][] => [
      [`MEMBER_${index + 1}_NAME`, node.name],
      [`MEMBER_${index + 1}_PEER_URLS`, node.peerUrl],
      [`MEMBER_${index + 1}_CLIENT_URLS`, node.clientUrl],
      [`MEMBER_${index + 1}_LAYOUT`, "auto"],
      [`MEMBER_${index + 1}_DATA_DIR`, ""],
      [`MEMBER_${index + 1}_SERVICE`, ""],
    ]);
    return makeBundle({
      folder: join(this.#temporary.path, `bundle-${randomBytes(4).toString("hex")}`),
      key: this.#key,
      recipient: this.#recipient,
      snapshot: readFileSync(file),
      etcdPrograms: dirname(requireEtcd(tools).etcdutl),
      ...more,
      plan: {
        ETCD_VERSION: `${minor}.0`,
        ETCD_MINOR: minor,
        TOOLS_MINOR: tools,
        REVISION: String(revision),
        REVISION_AFTER: String(revision + 1_000_000_000),
        TOKEN: `lifeboat-prod-20261121T100000Z-${randomBytes(8).toString("hex")}`,
        INITIAL_CLUSTER: this.nodes.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(","),
        MEMBERS: String(this.nodes.length),
        ...Object.fromEntries(members),
        ...more.plan,
      },
    });
  }

  /** restore.sh on a node, with only old programs and the node's own stand-ins on PATH. `hook` is a file that bash reads first. */
  async run(node: SiteNode, args: readonly string[], bundle?: MadeBundle, hook?: string): Promise<SiteRun> {
    const of = bundle === undefined ? [] : ["--dir", bundle.folder, "--fingerprint", this.#key.fingerprint, "--identity", this.#identity];
    const bare = node.layout === "bare" ? ["--member", node.name, "--data-dir", "/var/lib/etcd", "--start", this.#starter(node)] : [];
    const env = {
      PATH: `${this.#path}:${node.root}/plane/bin`,
      NODE: `${node.root}/plane`,
      ...(hook === undefined ? {} : { BASH_ENV: hook }),
    };
    const all = ["--wait", "60", ...args, "--root", node.root, ...bare, ...of];
    const { exitCode, stdout, stderr } = await execa(join(this.#path, "bash"), [RESTORE_SH, ...all], {
      env,
      extendEnv: false,
      reject: false,
      cwd: this.#temporary.path,
    });
    return { code: exitCode, out: stdout, err: stderr };
  }

  /** What etcd is started with: the manifest, or the file of variables; nothing for a bare etcd. */
  configuration(node: SiteNode): string {
    if (node.layout === "bare") return "";
    return readFileSync(join(node.root, node.layout === "static-pod" ? "plane/manifests/etcd.yaml" : "etc/etcd.env"), "utf8");
  }

  /** The data directory: names, owners, modes and bytes. What a rollback kept of the restored member is not looked at. */
  fingerprint(node: SiteNode): string {
    const hash = createHash("sha256");
    const visit = (path: string): void => {
      const stats = lstatSync(path);
      hash.update(`${path} ${stats.mode} ${stats.uid} ${stats.gid}\n`);
      if (stats.isDirectory())
        for (const name of readdirSync(path)
          .toSorted()
          .filter((each) => !each.startsWith("member.restored-")))
          visit(join(path, name));
      else hash.update(readFileSync(path));
    };
    visit(node.dataDir);
    return hash.digest("hex");
  }

  wipe(node: SiteNode): void {
    // What was killed a moment ago may still write.
    rmSync(join(node.dataDir, "member"), { recursive: true, force: true, maxRetries: 5 });
  }
}

function variable(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function manifest(node: SiteNode, minor: string): string {
  const flags = [...node.args, "--data-dir=/var/lib/etcd"].map((each) => `    - ${each}\n`).join("");
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\nspec:\n  containers:\n  - command:\n    - etcd\n${flags}    image: registry.k8s.io/etcd:${minor}.9-0\n    name: etcd\n`;
}

function isAlive(pid: number): boolean {
  try {
    return !execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8", stdio: "pipe" }).includes(") Z ");
  } catch {
    return false;
  }
}
