import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { freePorts } from "../tools/lab/free-port.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { measure } from "./measure.ts";
import type { Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

export interface RestoreContest {
  readonly etcd: LoadedEtcd;
  readonly runs: number;
  /** Path of the built program, for Node. */
  readonly lifeboat: string;
  readonly ageKeygen: string;
  /** An empty folder, with room for seven databases. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface RestoreResult {
  readonly name: string;
  readonly runs: readonly Usage[];
  /** For each run and step of restore.sh the seconds of the slowest node, as its journal has them; empty for what keeps no journal. */
  readonly steps: readonly ReadonlyMap<string, number>[];
}

interface Node {
  readonly name: string;
  readonly root: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
}

const MEMBERS = 3;
const BY_SCRIPT = "restore.sh apply";
const BY_HAND = "by hand";

const Made = z.object({ payload: z.object({ file: z.string() }), bundleKey: z.string(), token: z.string(), bumpRevision: z.string() });
const HashKv = z.array(
  z.object({ HashKV: z.object({ hash: z.number(), compact_revision: z.number(), header: z.object({ revision: z.number() }) }) }),
);

/**
 * From a bundle on the node to a healthy cluster of three members: restore.sh on each beside `age | unzstd`, `etcdutl snapshot restore` and a start typed by hand, of one snapshot and in turns. The three nodes are on this machine, at work
 * at the same time. After every run all members must have one revision, one HashKV and as many keys as the source; both ways must give the same. Throws where they do not.
 */
export async function holdRestore(contest: RestoreContest): Promise<readonly RestoreResult[]> {
  const { etcd, runs, folder, signal, progress } = contest;
  const { nodes, entrants } = await prepare(contest);
  const count = async (url: string): Promise<number> => {
    const out = await etcdctl(etcd, url, ["get", "", "--prefix", "--count-only", "-w", "fields"]);
    return Number(/^"Count" : (\d+)$/m.exec(out)?.[1]);
  };
  const wanted = await count(`http://127.0.0.1:${etcd.plainPort}`);
  const seen = new Set<string>();
  const results = entrants.map(({ name }) => ({ name, runs: [] as Usage[], steps: [] as ReadonlyMap<string, number>[] }));
  const once = async (name: string): Promise<void> => {
    for (const { root } of nodes) {
      await rm(root, { recursive: true, force: true });
      await mkdir(join(root, "data"), { recursive: true, mode: 0o700 });
    }
    await runProgram("sync", [], { env: process.env });
    const [entrant, result] = [entrants.find((each) => each.name === name), results.find((each) => each.name === name)];
    if (entrant === undefined || result === undefined) throw new Error(`nobody is called ${name}`);
    try {
      const command = {
        program: "bash",
        args: ["-euo", "pipefail", "-c", entrant.script],
        cwd: folder,
        // restore.sh asks the etcd that it finds for its version.
        env: { PATH: `${dirname(etcd.programs.etcd)}:${process.env["PATH"]}` },
      };
      const { usage } = await measure(command, signal);
      for (const { name: member, clientUrl } of nodes) {
        const out = await etcdctl(etcd, clientUrl, ["endpoint", "hashkv", "-w", "json"]);
        const [{ HashKV: said } = { HashKV: undefined }] = HashKv.parse(JSON.parse(out));
        seen.add(`hash ${said?.hash}, compacted at ${said?.compact_revision}, revision ${said?.header.revision}`);
        if (seen.size > 1) throw new Error(`${name}: ${member} has other data than the members before it: ${[...seen].join("; ")}`);
        const keys = await count(clientUrl);
        if (!(keys > 0 && keys === wanted)) throw new Error(`${name}: ${member} has ${keys} keys, and the source ${wanted}`);
      }
      result.runs.push(usage);
      if (name === BY_SCRIPT) result.steps.push(await stepsOf(nodes));
    } finally {
      await stopAll(nodes);
    }
  };
  // Files are read once before they count.
  progress("restore: each once, not counted");
  for (const { name } of entrants) await once(name);
  for (const result of results) [result.runs, result.steps].forEach((each) => each.splice(0));
  for (let round = 0; round < runs; round++)
    for (const { name } of rotated(entrants, round)) {
      progress(`restore: round ${round + 1} of ${runs}: ${name}`);
      await once(name);
    }
  return results;
}

/** Makes the bundle, and a script for each way that does all nodes at the same time and ends when all are healthy. */
async function prepare({ etcd, lifeboat, ageKeygen, folder, progress }: RestoreContest): Promise<{
  readonly nodes: readonly Node[];
  readonly entrants: readonly { readonly name: string; readonly script: string }[];
}> {
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_RUNTIME_DIR: folder };
  const run = (...args: readonly string[]): Promise<string> => runProgram(process.execPath, [lifeboat, ...args], { env, cwd: folder });
  const ports = await freePorts(2 * MEMBERS);
  const nodes = Array.from({ length: MEMBERS }, (_, index): Node => {
    const name = `m${index + 1}`;
    const url = (which: number): string => `http://127.0.0.1:${ports[2 * index + which]}`;
    return { name, root: join(folder, name), peerUrl: url(0), clientUrl: url(1) };
  });
  const listed = nodes.map(
    ({ name, peerUrl, clientUrl }) => `{ name: ${name}, peerUrls: ["${peerUrl}"], clientUrls: ["${clientUrl}"], layout: bare }`,
  );
  await writeFile(join(folder, "nodes.yaml"), `nodes: [${listed.join(", ")}]\n`);

  await run("init", "--cluster", "prod", "--endpoint", `http://127.0.0.1:${etcd.plainPort}`);
  await runProgram(ageKeygen, ["-o", join(folder, "node.key")], { env, cwd: folder });
  const recipient = /age1\S+/.exec(await readFile(join(folder, "node.key"), "utf8"))?.[0] ?? "";
  const text = await readFile(join(folder, "lifeboat.yaml"), "utf8");
  await writeFile(join(folder, "lifeboat.yaml"), `${text}recipients: { node: ${recipient} }\n`);
  progress("restore: a backup, verified, and a bundle");
  await run("backup", "prod", "--quiet");
  await run("verify", "prod/latest", "--deep", "--quiet");
  const options = ["--recipient", "node", "--nodes", "nodes.yaml", "--out", "bundle", "--with-payload"];
  const made = Made.parse(JSON.parse(await run("bundle", "prod", ...options, "--json", "--quiet")));
  // For whoever does it by hand all is unpacked, and nothing is checked.
  await runProgram("tar", ["-xf", "bundle/node.tar"], { env, cwd: folder });

  const cluster = nodes.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  await Promise.all(nodes.map((node) => writeFile(starterOf(folder, node), starter(etcd, node, cluster), { mode: 0o755 })));
  const unpacked = join(folder, "bundle");
  const byScript = (node: Node): string =>
    `${join(unpacked, "restore.sh")} apply --wait 600 --root ${node.root} --data-dir /data --work ${node.root} --start ${starterOf(folder, node)}` +
    ` --member ${node.name} --dir ${unpacked} --bundle ${join(unpacked, "node.tar")} --fingerprint ${made.bundleKey} --identity node.key`;
  const bin = join(unpacked, "bin");
  const byHand = ({ name, root, peerUrl, clientUrl }: Node): string => `
    ${bin}/age -d -i <(${bin}/age -d -i node.key ${unpacked}/identity.age) ${unpacked}/${made.payload.file} | ${bin}/unzstd > ${root}/snapshot.db
    ${bin}/etcdutl snapshot restore ${root}/snapshot.db --data-dir ${root}/data/restored --name ${name} --initial-cluster ${cluster} \\
      --initial-cluster-token ${made.token} --initial-advertise-peer-urls ${peerUrl} --bump-revision ${made.bumpRevision} --mark-compacted 2> ${root}/etcdutl.log
    mv ${root}/data/restored/member ${root}/data/member
    ${starterOf(folder, { name })} --initial-cluster-state=existing
    until ${bin}/etcdctl --endpoints ${clientUrl} endpoint health > /dev/null 2>&1; do sleep 0.1; done`;
  return {
    nodes,
    entrants: [
      { name: BY_HAND, script: together(nodes.map(byHand)) },
      { name: BY_SCRIPT, script: together(nodes.map(byScript)) },
    ],
  };
}

/** All at the same time; fails where one does. */
function together(lines: readonly string[]): string {
  return `${lines.map((each) => `( ${each}\n) &\npids+=" $!"\n`).join("")}for pid in $pids; do wait "$pid"; done\n`;
}

function starterOf(folder: string, { name }: Pick<Node, "name">): string {
  return join(folder, `start-${name}`);
}

/** Starts a member in the background; both ways use it. */
function starter({ programs }: LoadedEtcd, { name, root, peerUrl, clientUrl }: Node, cluster: string): string {
  const flags = [
    `--name=${name}`,
    `--data-dir=${root}/data`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--initial-cluster=${cluster}`,
    `--quota-backend-bytes=${8 * 1024 ** 3}`,
    "--log-level=warn",
  ];
  return `#!/bin/bash\nnohup ${programs.etcd} ${flags.join(" ")} "$@" > ${root}/etcd.log 2>&1 < /dev/null &\necho $! > ${root}/etcd.pid\n`;
}

async function etcdctl({ programs }: LoadedEtcd, url: string, args: readonly string[]): Promise<string> {
  return runProgram(programs.etcdctl, ["--endpoints", url, "--command-timeout=60s", ...args], { env: { PATH: process.env["PATH"] } });
}

/** The seconds of each step, of the node that took longest. */
async function stepsOf(nodes: readonly Node[]): Promise<ReadonlyMap<string, number>> {
  const steps = new Map<string, number>();
  for (const { root } of nodes) {
    const journal = await readFile(join(root, "var/lib/etcd-lifeboat/restore/journal"), "utf8");
    for (const [, name = "", seconds] of journal.matchAll(/^set TIME_(\w+) ([\d.]+)$/gm))
      steps.set(name, Math.max(steps.get(name) ?? 0, Number(seconds)));
  }
  return steps;
}

/** By the ids that the starters wrote. Their data goes with the next run. */
async function stopAll(nodes: readonly Node[]): Promise<void> {
  for (const { root } of nodes) {
    if (!(await readdir(root)).includes("etcd.pid")) continue;
    const pid = (await readFile(join(root, "etcd.pid"), "utf8")).trim();
    // Until it is gone: the next run takes its ports.
    await runProgram("bash", ["-c", 'kill -9 "$0" 2>/dev/null; while [[ -d /proc/$0 ]]; do sleep 0.05; done', pid], { env: process.env });
  }
}

/** A table of medians, and one of the steps: seconds. The ratio is to what is done by hand. */
export function restoreReport(size: Size, results: readonly RestoreResult[]): string {
  const baseline = results.find(({ name }) => name === BY_HAND)?.runs.map(({ wallSeconds }) => wallSeconds) ?? [];
  const rows = results.map(({ name, runs }) => {
    const walls = runs.map(({ wallSeconds }) => wallSeconds);
    const range = `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`;
    const cpu = median(runs.map(({ cpuSeconds }) => cpuSeconds));
    return [name, median(walls).toFixed(2), range, (median(walls) / median(baseline)).toFixed(2), cpu.toFixed(1)];
  });
  const steps = results.flatMap((result) => result.steps);
  const names = [...new Set(steps.flatMap((each) => [...each.keys()]))];
  const step = names.map((name) => [name.replaceAll("_", "-"), median(steps.map((each) => each.get(name) ?? 0)).toFixed(0)]);
  return [
    markdownTable([`${size} MB, three members`, "wall s", "from-to", "ratio", "CPU s"], rows),
    markdownTable(["step of the slowest node", "s"], step),
  ].join("\n\n");
}
