import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ClusterFiles } from "../tools/lab/cluster-security.ts";
import { writeSecret } from "../tools/lab/certificates.ts";
import { startGate } from "../tools/lab/gate.ts";
import type { EtcdPrograms } from "../tools/lab/etcd-programs.ts";
import { startVersityGateway } from "../tools/lab/versitygw.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";

/** Where a contestant finds etcd, and what it works with. */
export interface Arena {
  readonly endpoint: string;
  /** None where the endpoint is plain http. */
  readonly files: ClusterFiles | undefined;
  readonly programs: EtcdPrograms;
  /** Paths of programs; lifeboat's is one for Node. */
  readonly lifeboat: string;
  readonly age: string;
  readonly ageKeygen: string;
  /** An empty folder of its own. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** What a run took. */
export interface Took extends Usage {
  /** Of the wall time: waiting for members to hash their keys, which nobody else asks for. */
  readonly hashKvSeconds: number;
}

/** One way to make a backup. */
export interface Contestant {
  readonly name: string;
  /** The whole backup, as a person would run it. */
  run(): Promise<Took>;
  /** Opens what `run` left, and gives the hash and size that `etcdutl snapshot status` finds in it. */
  check(): Promise<SnapshotStatus>;
  /** Bytes of all files that `run` left. */
  storedBytes(): Promise<number>;
  /** Removes what `run` and `check` left. */
  clear(): Promise<void>;
  /** Ends what it had started for its runs. */
  close?(): Promise<void>;
}

const SnapshotStatus = z.object({ hash: z.number(), totalSize: z.number() });
/** As etcdutl says. `hash` is the same for every snapshot of one state. */
export type SnapshotStatus = z.infer<typeof SnapshotStatus>;

export const CONTESTANTS = {
  save: etcdctlSave,
  shell: shellPipeline,
  lifeboat: lifeboatIntoFolder,
  s3: lifeboatIntoS3,
  gate: lifeboatThroughGate,
} as const;
export type ContestantName = keyof typeof CONTESTANTS;

/** `etcdctl snapshot save` and nothing else. */
async function etcdctlSave(arena: Arena): Promise<Contestant> {
  const { programs } = arena;
  const output = await outputFolder(arena);
  const save = command(arena, output.path, programs.etcdctl, ["snapshot", "save", "snapshot.db"]);
  return {
    ...output,
    name: "etcdctl snapshot save",
    run: async () => ({ ...(await measure(save, arena.signal)).usage, hashKvSeconds: 0 }),
    check: () => statusOf(arena, join(output.path, "snapshot.db")),
  };
}

const PIPELINE = `
set -e
"$ETCDCTL" snapshot save snapshot.db
"$ETCDUTL" snapshot status snapshot.db
zstd -q -1 snapshot.db -o snapshot.db.zst
"$AGE" -r "$RECIPIENT" -o snapshot.db.zst.age snapshot.db.zst
`;
const REOPEN = `
set -e
"$AGE" -d -i key.txt snapshot.db.zst.age > reopened.db.zst
zstd -q -d reopened.db.zst -o reopened.db
`;

/** What people do by hand: save, look, compress, encrypt, each into a file. */
async function shellPipeline(arena: Arena): Promise<Contestant> {
  const { programs, age, ageKeygen, folder, signal } = arena;
  const output = await outputFolder(arena);
  const keyFile = join(folder, "key.txt");
  await measure(command(arena, folder, ageKeygen, ["-o", keyFile]), signal);
  const { stdout } = await measure(command(arena, folder, ageKeygen, ["-y", keyFile]), signal);
  const variables = { ETCDCTL: programs.etcdctl, ETCDUTL: programs.etcdutl, AGE: age, RECIPIENT: stdout.trim() };
  const shell = (script: string): Promise<{ usage: Usage }> =>
    measure(command(arena, output.path, "/bin/sh", ["-c", script], variables), signal);
  return {
    ...output,
    name: "shell: save, status, zstd -1, age",
    run: async () => ({ ...(await shell(PIPELINE)).usage, hashKvSeconds: 0 }),
    async check() {
      await shell(REOPEN.replace("key.txt", "../key.txt"));
      return statusOf(arena, join(output.path, "reopened.db"));
    },
  };
}

const Backup = z.object({ proof: z.literal("proven"), phases: z.object({ agreement: z.number() }) });

/** `lifeboat backup` into a directory store, the proof included. */
async function lifeboatIntoFolder(arena: Arena): Promise<Contestant> {
  return lifeboat(arena, "lifeboat backup", join(arena.folder, "vault"), {});
}

/**
 * The same into an S3 server on this machine (versitygw), whose objects are files as well. Its CPU is not counted, but taken from the same cores: so it checks the CRCs that it is
 * sent, and makes no MD5 besides.
 */
async function lifeboatIntoS3(arena: Arena): Promise<Contestant> {
  const gateway = await startVersityGateway({ etags: "checksum" });
  const bucket = await gateway.makeBucket();
  const contestant = await lifeboat(arena, "lifeboat backup into S3", join(gateway.dataFolder, bucket), gateway.environment);
  const file = join(arena.folder, "lifeboat.yaml");
  const store = `  kind: s3\n  bucket: ${bucket}\n  region: ${gateway.region}\n  endpoint: ${gateway.endpoint}\n  pathStyle: true\n`;
  const text = await readFile(file, "utf8");
  const changed = text.replace(/^ {2}kind: directory\n {2}path: .*\n/m, store);
  if (changed === text) throw new Error("lifeboat init wrote another store than the bench knows");
  await writeFile(file, changed);
  return { ...contestant, close: () => gateway.stop() };
}

/** The same as into a folder, through nginx with node/gate/nginx.conf, which speaks TLS on both sides. Its CPU is not counted, but taken from the same cores. */
async function lifeboatThroughGate(arena: Arena): Promise<Contestant> {
  const { files, folder } = arena;
  if (files === undefined) throw new Error("a gate stands before an etcd with TLS: give tls");
  const gate = await startGate({ files, endpoints: [arena.endpoint], folder: join(folder, "gate") });
  const client = await gate.authority.issueClient("lifeboat");
  const own = {
    ca: await writeSecret(join(folder, "gate-ca.pem"), gate.authority.certificate),
    cert: await writeSecret(join(folder, "service.pem"), client.cert),
    key: await writeSecret(join(folder, "service-key.pem"), client.key),
  };
  const behind = { ...arena, endpoint: gate.url, files: own };
  const contestant = await lifeboat(behind, "lifeboat backup through a gate", join(folder, "vault"), {});
  return { ...contestant, close: async () => gate[Symbol.asyncDispose]() };
}

/** `stored` is the folder where its objects end up. */
async function lifeboat(arena: Arena, name: string, stored: string, variables: NodeJS.ProcessEnv): Promise<Contestant> {
  const { folder, files, endpoint, signal } = arena;
  const run = (...args: readonly string[]): ReturnType<typeof measure> =>
    measure(
      command(arena, folder, process.execPath, [arena.lifeboat, ...args], { HOME: folder, XDG_RUNTIME_DIR: folder, ...variables }),
      signal,
    );
  const tls = files === undefined ? [] : ["--cacert", files.ca ?? "", "--cert", files.cert ?? "", "--key", files.key ?? ""];
  await run("init", "--cluster", "bench", "--endpoint", endpoint, ...tls);
  const exported = join(folder, "exported.db");
  return {
    name,
    async run() {
      const { usage, stdout } = await run("backup", "bench", "--json");
      return { ...usage, hashKvSeconds: Backup.parse(JSON.parse(stdout)).phases.agreement / 1000 };
    },
    async check() {
      await run("verify", "bench/latest", "--deep");
      await run("export", "bench/good", "--out", exported);
      return statusOf(arena, exported);
    },
    storedBytes: () => bytesBelow(stored),
    async clear() {
      await rm(exported, { force: true });
      // Without its mark a store that this host knows is refused.
      await emptied(stored, ["store.json"]);
    },
  };
}

async function statusOf(arena: Arena, file: string): Promise<SnapshotStatus> {
  const status = command(arena, arena.folder, arena.programs.etcdutl, ["snapshot", "status", file, "-w", "json"]);
  return SnapshotStatus.parse(JSON.parse((await measure(status, arena.signal)).stdout));
}

function command(arena: Arena, cwd: string, program: string, args: readonly string[], variables: NodeJS.ProcessEnv = {}): Command {
  const { endpoint, files } = arena;
  const tls = files && { ETCDCTL_CACERT: files.ca, ETCDCTL_CERT: files.cert, ETCDCTL_KEY: files.key };
  const env = { PATH: process.env["PATH"], ETCDCTL_ENDPOINTS: endpoint, ...tls, ...variables };
  return { program, args, cwd, env };
}

async function outputFolder({ folder }: Arena): Promise<Pick<Contestant, "storedBytes" | "clear"> & { readonly path: string }> {
  const path = join(folder, "output");
  await mkdir(path);
  return { path, storedBytes: () => bytesBelow(path), clear: () => emptied(path) };
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function emptied(folder: string, but: readonly string[] = []): Promise<void> {
  for (const name of await readdir(folder)) if (!but.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
}
