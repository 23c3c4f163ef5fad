import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

export interface KopiaContest {
  readonly etcd: LoadedEtcd;
  readonly runs: number;
  /** Path of the built program, for Node. */
  readonly lifeboat: string;
  /** Path of kopia. */
  readonly kopia: string;
  /** An empty folder, on the disk that is to be written to. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface KopiaResult {
  readonly name: string;
  readonly runs: readonly Usage[];
}

interface Entrant {
  readonly name: string;
  readonly command: Command;
  /** What a run changes in the folder of `command`, to be put back before each. */
  readonly changed: readonly string[];
  /** The bytes that Kopia says it has. */
  readonly bytes: (stdout: string) => number;
  readonly runs: Usage[];
}

const FLAGS = "--config-file=k.cfg --no-progress --no-auto-maintenance --disable-file-logging";

/** The same cut and compression as a Kopia store of ours has. */
const CREATE = `
set -e
"$KOPIA" ${FLAGS} repository create filesystem --path "$PWD/kopia" --object-splitter=FIXED-128K --content-cache-size-mb=0
"$KOPIA" ${FLAGS} policy set --global --compression=zstd-fastest
`;

/** etcdctl writes to NAME.part. It cannot flush a pipe to the disk, and says so at its end: that the snapshot is whole is held against what lifeboat backed up. */
const PIPE = `
set -e
mkfifo snapshot.db.part
"$ETCDCTL" snapshot save snapshot.db > /dev/null 2>&1 &
"$KOPIA" ${FLAGS} snapshot create --json --no-send-snapshot-report --stdin-file=snapshot.db /etcd/bench < snapshot.db.part
wait || true
rm -f snapshot.db.part
`;

const Made = z.object({ rootEntry: z.object({ summ: z.object({ size: z.number() }) }) });
const Backup = z.object({ databaseBytes: z.number() });
/** Of the SHA-256 that etcd sends after the database. */
const TRAILER_BYTES = 32;

/** `lifeboat backup` into a Kopia store beside `etcdctl snapshot save | kopia snapshot create --stdin-file`, each time into an empty repository in a folder. */
export async function holdKopia({ etcd, runs, lifeboat, kopia, folder, signal, progress }: KopiaContest): Promise<readonly KopiaResult[]> {
  const endpoint = `http://127.0.0.1:${etcd.plainPort}`;
  const piped = join(folder, "piped");
  const ours = join(folder, "lifeboat");
  for (const path of [piped, ours, join(ours, "bin")]) await mkdir(path);

  const env = {
    PATH: process.env["PATH"],
    HOME: piped,
    KOPIA: kopia,
    KOPIA_PASSWORD: "of the bench",
    KOPIA_CHECK_FOR_UPDATES: "false",
    ETCDCTL: etcd.programs.etcdctl,
    ETCDCTL_ENDPOINTS: endpoint,
  };
  const shell = (script: string): Command => ({ program: "sh", args: ["-c", script], cwd: piped, env });
  await measure(shell(CREATE), signal);

  const run = (...args: readonly string[]): Command => ({
    program: process.execPath,
    args: [lifeboat, ...args],
    cwd: ours,
    env: { PATH: `${join(ours, "bin")}:${process.env["PATH"] ?? ""}`, HOME: ours, XDG_RUNTIME_DIR: ours },
  });
  await symlink(kopia, join(ours, "bin/kopia"));
  await measure(run("init", "--cluster", "bench", "--endpoint", endpoint), signal);
  const file = join(ours, "lifeboat.yaml");
  const text = await readFile(file, "utf8");
  const store = "store: { kind: kopia, repository: { kind: filesystem, path: ./kopia }, manifests: { kind: directory, path: ./vault } }";
  await writeFile(file, text.replace(/^store:.*(?:\n +.*)*/m, store));
  await measure(run("kopia", "init"), signal);

  const entrants: readonly Entrant[] = [
    {
      name: "etcdctl snapshot save | kopia",
      command: shell(PIPE),
      changed: ["kopia"],
      bytes: (stdout) => Made.parse(JSON.parse(stdout)).rootEntry.summ.size,
      runs: [],
    },
    {
      name: "lifeboat backup into Kopia",
      command: run("backup", "bench", "--json"),
      changed: ["kopia", "vault"],
      bytes: (stdout) => Backup.parse(JSON.parse(stdout)).databaseBytes + TRAILER_BYTES,
      runs: [],
    },
  ];
  for (const { command, changed } of entrants)
    for (const name of changed) await cp(join(command.cwd, name), join(command.cwd, `${name}.new`), { recursive: true });
  const timed = async ({ command, changed, bytes }: Entrant): Promise<{ readonly usage: Usage; readonly bytes: number }> => {
    const { usage, stdout } = await measure(command, signal);
    for (const name of changed) {
      await rm(join(command.cwd, name), { recursive: true });
      await cp(join(command.cwd, `${name}.new`), join(command.cwd, name), { recursive: true });
    }
    return { usage, bytes: bytes(stdout) };
  };
  // The first run keeps compiled code, and is not counted: it is held against the other's.
  const sizes: number[] = [];
  for (const entrant of entrants) sizes.push((await timed(entrant)).bytes);
  if (new Set(sizes).size !== 1) throw new Error(`they stored different snapshots: of ${sizes.join(" and ")} bytes`);
  for (let round = 0; round < runs; round++) {
    for (const entrant of rotated(entrants, round)) {
      progress(`kopia: round ${round + 1} of ${runs}: ${entrant.name}`);
      entrant.runs.push((await timed(entrant)).usage);
    }
  }
  return entrants;
}

/** A table: seconds, and sizes in 10^6 bytes; medians. The ratio is to the first. */
export function kopiaReport(size: Size, results: readonly KopiaResult[]): string {
  const of = ({ runs }: KopiaResult, figure: (usage: Usage) => number): number => median(runs.map(figure));
  const walls = results.map((result) => of(result, ({ wallSeconds }) => wallSeconds));
  const rows = results.map((result, index) => [
    result.name,
    (walls[index] ?? 0).toFixed(2),
    ((walls[index] ?? 0) / (walls[0] ?? 1)).toFixed(2),
    of(result, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
    of(result, ({ peakRssKib }) => (peakRssKib * 1024) / 1e6).toFixed(0),
  ]);
  return markdownTable([`${size} MB into Kopia`, "wall", "ratio", "CPU", "peak RSS of one process"], rows);
}
