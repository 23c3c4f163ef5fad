import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../tools/lab/run-program.ts";
import type { LoadedEtcd } from "./cluster.ts";
import { CONTESTANTS } from "./contestants.ts";
import type { Arena, Contestant, ContestantName, Took } from "./contestants.ts";
import { startDelayProxy } from "./delay-proxy.ts";
import type { Way } from "./options.ts";
import { rotated } from "./statistics.ts";

/** A connection across a continent: 30 ms there and back. */
export const DELAY_MS = 15;

export interface Run extends Took {
  /** Of the etcd that was backed up, meanwhile. */
  readonly etcdCpuSeconds: number;
  /** Of the delay proxy, meanwhile; 0 where there is none. */
  readonly proxyCpuSeconds: number;
  readonly storedBytes: number;
}

export interface Result {
  readonly contestant: ContestantName;
  readonly name: string;
  readonly runs: readonly Run[];
}

export interface Contest {
  readonly etcd: LoadedEtcd;
  readonly way: Way;
  readonly contestants: readonly ContestantName[];
  readonly runs: number;
  /** Paths of programs. */
  readonly lifeboat: string;
  readonly age: string;
  readonly ageKeygen: string;
  /** An empty folder, on the disk that is to be written to. */
  readonly folder: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/**
 * Lets every contestant back up once and checks what it left, then `runs` times in turns. Throws where an output does not open, or is not the snapshot that
 * etcdctl takes.
 */
export async function hold(contest: Contest): Promise<readonly Result[]> {
  const { etcd, way, signal } = contest;
  const secure = way.startsWith("tls");
  const port = secure ? etcd.tlsPort : etcd.plainPort;
  await using proxy = way.endsWith("delayed") ? await startDelayProxy(port, DELAY_MS) : undefined;
  const endpoint = `${secure ? "https" : "http"}://127.0.0.1:${proxy?.port ?? port}`;

  const arena = async (name: string): Promise<Arena> => {
    const folder = join(contest.folder, name);
    await mkdir(folder);
    const { lifeboat, age, ageKeygen } = contest;
    return { endpoint, files: secure ? etcd.files : undefined, programs: etcd.programs, lifeboat, age, ageKeygen, folder, signal };
  };
  const entrants: { readonly id: ContestantName; readonly contestant: Contestant; readonly runs: Run[] }[] = [];
  await using ends = new AsyncDisposableStack();
  for (const id of contest.contestants) {
    const contestant = await CONTESTANTS[id](await arena(id));
    ends.defer(async () => contestant.close?.());
    entrants.push({ id, contestant, runs: [] });
  }

  const right = await checked(await CONTESTANTS.save(await arena("reference")));
  for (const { contestant } of entrants) {
    contest.progress(`${way}: checking ${contestant.name}`);
    const left = await checked(contestant);
    if (left !== right) throw new Error(`${way}: ${contestant.name} left ${left}, and etcdctl's own snapshot is ${right}`);
  }

  for (let round = 0; round < contest.runs; round++) {
    for (const { contestant, runs } of rotated(entrants, round)) {
      contest.progress(`${way}: round ${round + 1} of ${contest.runs}: ${contestant.name}`);
      // What the one before wrote is on the disk before this one begins: nobody pays for another's page cache.
      await runProgram("sync", ["-f", contest.folder], { env: { PATH: process.env["PATH"] } });
      const etcdBefore = etcd.cpuSeconds();
      const proxyBefore = process.cpuUsage();
      const usage = await contestant.run();
      const { user, system } = process.cpuUsage(proxyBefore);
      runs.push({
        ...usage,
        etcdCpuSeconds: etcd.cpuSeconds() - etcdBefore,
        proxyCpuSeconds: proxy === undefined ? 0 : (user + system) / 1e6,
        storedBytes: await contestant.storedBytes(),
      });
      await contestant.clear();
    }
  }
  return entrants.map(({ id, contestant, runs }) => ({ contestant: id, name: contestant.name, runs }));
}

/** What one run leaves, told by its content. */
async function checked(contestant: Contestant): Promise<string> {
  await contestant.run();
  const { hash, totalSize } = await contestant.check();
  await contestant.clear();
  return `a database of hash ${hash} and ${totalSize} bytes`;
}
