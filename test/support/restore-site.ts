import { createHash, randomBytes } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../tools/lab/etcd-programs.ts";
import { freePorts } from "../../tools/lab/free-port.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import type { Program } from "./control-plane-node.ts";
import { lifeboatHere } from "./lifeboat-here.ts";
import { makeBundle, MEMBER_SH, newAgeIdentity, newBundleKey, oldNodePath, RESTORE_SH } from "./restore-bundle.ts";
import type { BundleMaking, MadeBundle } from "./restore-bundle.ts";
import { siteCertificates } from "./site-certificates.ts";
import type { SiteSecurity } from "./site-certificates.ts";
import { bringUp, environmentOf, etcdOf, killNode, pkiOf, startBare, starterOf } from "./site-node.ts";
import type { Layout, SiteNode } from "./site-node.ts";

export type { Layout, SiteNode } from "./site-node.ts";

export interface SiteRun {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** Keys with all that etcd knows of each. */
export type Keys = readonly unknown[];

const START_MS = 60_000;

export interface SiteOptions {
  readonly security?: SiteSecurity;
  /** Makes it cheap to restore often: programs of bundles are links to those here, and one member needs no second to elect itself. */
  readonly quick?: boolean;
  /** Each start of etcd writes down on what: `startsOf` of ./site-node.ts. */
  readonly traced?: boolean;
  /** Nodes that have no static pods have a unit kube-apiserver too. */
  readonly apiUnits?: boolean;
  /** More flags of etcd's. */
  readonly flags?: readonly string[];
  /** What runs as kube-apiserver on a node with static pods; by default something that only sleeps. */
  readonly apiServer?: (node: SiteNode) => Promise<Program>;
}

/** An etcd cluster of nodes that each have a root of their own, and the means to restore it by restore.sh. */
export class RestoreSite implements AsyncDisposable {
  readonly nodes: readonly SiteNode[];
  readonly version: EtcdVersion;
  readonly security: SiteSecurity;
  readonly #key = newBundleKey();
  /** Of the bundle key, by the bundle's folder. */
  readonly #fingerprints = new Map<string, string>();
  readonly #temporary: TemporaryFolder;
  readonly #path: string;
  readonly #recipient: string;
  readonly #programs: string;
  readonly #withVariables: boolean;

  private constructor(
    temporary: TemporaryFolder,
    version: EtcdVersion,
    nodes: readonly SiteNode[],
    { security = "plain", quick = false, traced = false }: SiteOptions,
  ) {
    this.#temporary = temporary;
    this.version = version;
    this.security = security;
    this.#withVariables = security !== "plain" || traced;
    this.nodes = nodes;
    this.#path = oldNodePath(join(temporary.path, "bin"));
    this.#recipient = newAgeIdentity(this.#identity);
    const tools = requireEtcd(version === "3.4" ? "3.5" : version);
    this.#programs = quick ? thin(join(temporary.path, "thin"), tools) : dirname(tools.etcdutl);
  }

  /** A healthy cluster with a node for each layout. */
  static async start(version: EtcdVersion, layouts: readonly Layout[], options: SiteOptions = {}): Promise<RestoreSite> {
    const { security = "plain", quick = false, traced = false, apiUnits = false, flags = [], apiServer } = options;
    const temporary = await temporaryFolder();
    const certificates = security === "plain" ? undefined : await siteCertificates(security);
    const scheme = certificates === undefined ? "http" : "https";
    const ports = await freePorts(layouts.length * 2);
    const peers = layouts.map((_, index) => `m${index + 1}=${scheme}://127.0.0.1:${ports[2 * index]}`);
    const nodes = layouts.map((layout, index): SiteNode => {
      const name = `m${index + 1}`;
      const root = join(temporary.path, name);
      const [peerUrl, clientUrl] = [ports[2 * index], ports[2 * index + 1]].map((port) => `${scheme}://127.0.0.1:${port}`);
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
        ...(quick && layouts.length === 1 ? ["--heartbeat-interval=20", "--election-timeout=200"] : []),
        ...(certificates?.flags(pkiOf(layout)) ?? []),
        ...flags,
      ];
      return { name, layout, root, peerUrl, clientUrl, dataDir, args };
    });
    const site = new RestoreSite(temporary, version, nodes, options);
    try {
      await Promise.all(
        nodes.map((node) => bringUp(node, { version, certificates, traced, withVariables: site.#withVariables, apiUnits, apiServer })),
      );
      await site.healthy();
      if (security === "auth") await site.#turnAuthOn();
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
    await Promise.all(this.nodes.map((node) => this.kill(node)));
    await this.#temporary.remove();
  }

  async #turnAuthOn(): Promise<void> {
    for (const args of ["user add root --no-password", "role add root", "user grant-role root root", "auth enable"])
      await this.etcdctl(args.split(" "));
    // A linearizable read on each member: from its answer on, that member too has applied the above.
    for (const node of this.nodes) await this.etcdctl(["get", "x"], node);
  }

  async startBare(node: SiteNode): Promise<void> {
    await startBare(node);
  }

  /** SIGKILL, and nothing starts it again. */
  async kill(node: SiteNode): Promise<void> {
    await killNode(node);
  }

  /** SIGKILL for all of these at once, each under systemd, and their units stay stopped: what only they had is on their disks. */
  async crash(nodes: readonly SiteNode[]): Promise<void> {
    const pids = nodes.map(etcdOf);
    for (const node of nodes) rmSync(join(node.root, "plane/units/etcd"));
    for (const pid of pids) if (pid !== undefined) process.kill(pid, "SIGKILL");
    await until("all dead", 10_000, () => nodes.every((node) => node.plane?.running.includes("etcd") !== true));
  }

  /** Every member is killed and its data gone. What runs them starts static pods again, on nothing; the rest stays dead. */
  async disaster(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        const pid = etcdOf(node);
        const gone = join(node.root, "gone");
        renameSync(join(node.dataDir, "member"), gone);
        if (pid !== undefined) process.kill(pid, "SIGKILL");
        if (node.layout === "systemd") await this.stopUnit(node);
        await until(`${node.name} dead`, 10_000, () => pid === undefined || etcdOf(node) !== pid);
        rmSync(gone, { recursive: true });
      }),
    );
  }

  /** As `systemctl stop`, seen from the node's own stand-in. */
  async stopUnit(node: SiteNode): Promise<void> {
    await this.#systemctl(node, "stop");
  }

  async startUnit(node: SiteNode): Promise<void> {
    await this.#systemctl(node, "start");
  }

  async #systemctl(node: SiteNode, verb: "start" | "stop"): Promise<void> {
    const env = { NODE: `${node.root}/plane`, PATH: process.env["PATH"] };
    await execa(join(node.root, "plane/bin/systemctl"), [verb, "etcd"], { env });
  }

  async etcdctl(args: readonly string[], node = this.nodes[0]): Promise<string> {
    const { etcdctl } = requireEtcd(this.version);
    const env = { PATH: process.env["PATH"], ETCDCTL_API: "3" };
    const all = [`--endpoints=${node?.clientUrl}`, ...(node === undefined ? [] : this.clientFiles(node)), ...args];
    const { stdout } = await execa(etcdctl, all, { env, extendEnv: false });
    return stdout;
  }

  /** For etcdctl and lifeboat. */
  clientFiles(node: SiteNode): readonly string[] {
    const pki = join(node.root, pkiOf(node.layout));
    if (this.security === "plain") return [];
    return ["--cacert", `${pki}/ca.crt`, "--cert", `${pki}/healthcheck-client.crt`, "--key", `${pki}/healthcheck-client.key`];
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

  /** All keys with all that etcd knows of each, as etcdctl prints them: numbers of 64 bits are not read. */
  async content(node?: SiteNode): Promise<string> {
    const text = await this.etcdctl(["get", "", "--prefix", "--from-key=false", "-w", "json"], node);
    return /"kvs":(\[.*?\])/.exec(text)?.[1] ?? "[]";
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
    const made = makeBundle({
      folder: join(this.#temporary.path, `bundle-${randomBytes(4).toString("hex")}`),
      key: this.#key,
      recipient: this.#recipient,
      snapshot: readFileSync(file),
      etcdPrograms: this.#programs,
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
    this.#fingerprints.set(made.folder, this.#key.fingerprint);
    return made;
  }

  /** A bundle of the cluster as it is now, by the command itself: a backup, its proof, and the bundle of it. */
  async lifeboatBundle(): Promise<MadeBundle> {
    const cwd = join(this.#temporary.path, `lifeboat-${randomBytes(4).toString("hex")}`);
    mkdirSync(cwd);
    const [first] = this.nodes;
    if (first === undefined) throw new Error("no node");
    const lifeboat = async (...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await lifeboatHere(args, { cwd });
      if (code !== 0) throw new Error(`lifeboat ${args[0]} ended with ${code}: ${stderr}`);
    };
    const endpoints = this.nodes.flatMap(({ clientUrl }) => ["--endpoint", clientUrl]);
    await lifeboat("init", "--cluster", "prod", ...endpoints, ...this.clientFiles(first));
    const configuration = join(cwd, "lifeboat.yaml");
    writeFileSync(configuration, `${readFileSync(configuration, "utf8")}recipients:\n  nodes: ${this.#recipient}\n`);
    await lifeboat("backup", "prod");
    await lifeboat("verify", "prod/latest", "--deep");
    await lifeboat("bundle", "prod", "--recipient", "nodes", "--out", "out", "--with-payload");
    const folder = join(cwd, "out");
    this.#fingerprints.set(folder, /bundle: \["?(sha256:[0-9a-f]{64})/.exec(readFileSync(configuration, "utf8"))?.[1] ?? "");
    const tar = join(folder, "nodes.tar");
    const { stdout } = await execa("tar", ["-xOf", tar, "bundle/plan"]);
    const plan = Object.fromEntries(
      stdout.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    return { folder, tar, plan, payload: join(folder, plan["PAYLOAD_FILE"] ?? "") };
  }

  /** restore.sh on a node, with only old programs and the node's own stand-ins on PATH. `hook` is a file that bash reads first. */
  async run(node: SiteNode, args: readonly string[], bundle?: MadeBundle, hook?: string): Promise<SiteRun> {
    const of =
      bundle === undefined
        ? []
        : ["--dir", bundle.folder, "--fingerprint", this.#fingerprints.get(bundle.folder) ?? "", "--identity", this.#identity];
    const all = ["--wait", "60", ...this.#optionsOf(node), ...args, "--root", node.root, ...of];
    return this.#bash(node, [RESTORE_SH, ...all], this.#temporary.path, hook === undefined ? {} : { BASH_ENV: hook });
  }

  /** member.sh on a node, as `run` runs restore.sh. */
  async member(node: SiteNode, args: readonly string[], hook?: string): Promise<SiteRun> {
    const all = ["--bin", this.#programs, "--wait", "60", ...this.#optionsOf(node), ...args, "--root", node.root];
    return this.#bash(node, [MEMBER_SH, ...all], this.#temporary.path, hook === undefined ? {} : { BASH_ENV: hook });
  }

  /** Lines that a person types on a node, in its folder /root/restore. restore.sh out of the bundle is told the node's root, and how a bare etcd runs. */
  async type(node: SiteNode, lines: string, variables: Readonly<Record<string, string>> = {}): Promise<SiteRun> {
    const options = ["--wait", "60", ...this.#optionsOf(node), "--root", node.root].map((each) => `'${each}'`).join(" ");
    const scripts = ["lifeboat/bundle/restore.sh", "lifeboat/bundle/member.sh"];
    const text = `${scripts.map((script) => `${script}() { command ${script} "$@" ${options}; }\n`).join("")}${lines}`;
    return this.#bash(node, ["-euo", "pipefail", "-c", text], join(node.root, "root/restore"), variables);
  }

  #optionsOf(node: SiteNode): readonly string[] {
    const named = [
      "--member",
      node.name,
      "--data-dir",
      "/var/lib/etcd",
      ...(this.#withVariables ? ["--env-file", environmentOf(node)] : []),
    ];
    const bare = node.layout === "bare" ? [...named, "--start", starterOf(node)] : [];
    // HashKV and alarms are refused to who is not root; else it finds the node's own.
    const auth = this.security === "auth" ? this.clientFiles(node) : [];
    return [...bare, ...auth];
  }

  async #bash(node: SiteNode, args: readonly string[], cwd: string, variables: Readonly<Record<string, string>>): Promise<SiteRun> {
    const env = { PATH: `${this.#path}:${node.root}/plane/bin`, NODE: `${node.root}/plane`, ...variables };
    const { exitCode, stdout, stderr } = await execa(join(this.#path, "bash"), args, { env, extendEnv: false, reject: false, cwd });
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
    rmSync(join(node.dataDir, "member"), { recursive: true, force: true });
  }
}

/** Programs for bundles that cost nothing to unpack: each starts the one that is here. */
function thin(folder: string, programs: { readonly etcdctl: string; readonly etcdutl: string }): string {
  mkdirSync(folder);
  for (const name of ["etcdctl", "etcdutl"] as const) {
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${programs[name]} "$@"\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}
