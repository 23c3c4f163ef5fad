import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LabProcess } from "../../tools/lab/processes.ts";
import { until } from "../../tools/lab/until.ts";

/** What a name under the manifests' folder or among the units stands for. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

export type Manager = "static pods" | "systemd";

/** `crictl ps --quiet --name REGEX`: the ids of what runs under such a name. `crictl stop ID`. `crictl pods ...`: what stands in the file `pods`. */
const CRICTL = `#!/bin/sh
PATH=$PATH:/usr/bin:/bin
if [ "$1" = pods ]; then cat "$NODE/pods" 2>/dev/null; exit 0; fi
if [ "$1" = stop ]; then kill "$2"; exit; fi
for file in "$NODE"/run/*; do
  [ -e "$file" ] && basename "$file" | grep -q "$4" && cat "$file"
done
exit 0
`;

/** `systemctl start|stop UNIT...` and `is-active UNIT`: as the real one, it comes back when that is done, or at once with `--no-block`. Where there is a file `failed`, units are. `restart` is written down in `restarted`. */
const SYSTEMCTL = `#!/bin/sh
PATH=$PATH:/usr/bin:/bin
verb=$1; shift
if [ "$verb" = is-active ]; then [ -e "$NODE/run/$1" ]; exit; fi
if [ "$verb" = is-failed ]; then [ -e "$NODE/failed" ]; exit; fi
if [ "$verb" = reset-failed ]; then rm -f "$NODE/failed"; exit; fi
block=yes
if [ "$1" = --no-block ]; then block=; shift; fi
if [ "$verb" = restart ]; then echo "$@" >> "$NODE/restarted"; exit; fi
for unit in "$@"; do
  if [ "$verb" = start ]; then : > "$NODE/units/$unit"; else rm -f "$NODE/units/$unit"; fi
done
[ -n "$block" ] || exit 0
for unit in "$@"; do
  while [ "$verb" = start ] && [ ! -e "$NODE/run/$unit" ]; do sleep 0.1; done
  while [ "$verb" = stop ] && [ -e "$NODE/run/$unit" ]; do sleep 0.1; done
done
`;

const LOOK_EVERY_MS = 50;

/**
 * Stands in for what runs the control plane of one node, the kubelet with its static pods or systemd: it really starts and stops the programs, as files come and go. crictl and systemctl
 * are small programs in `bin`.
 */
export class ControlPlaneNode implements AsyncDisposable {
  readonly folder: string;
  readonly manifests: string;
  readonly #watched: string;
  readonly #programs: Readonly<Record<string, Program>>;
  readonly #running = new Map<string, LabProcess>();
  #isClosed = false;
  #loop: Promise<void> | undefined;

  private constructor(folder: string, manager: Manager, programs: Readonly<Record<string, Program>>) {
    this.folder = folder;
    this.manifests = join(folder, "manifests");
    this.#watched = manager === "static pods" ? this.manifests : join(folder, "units");
    this.#programs = programs;
  }

  /** Makes the node in `folder`; every program of it runs. */
  static async start(folder: string, manager: Manager, programs: Readonly<Record<string, Program>>): Promise<ControlPlaneNode> {
    const node = new ControlPlaneNode(folder, manager, programs);
    for (const name of ["manifests", "units", "run", "bin"]) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, "bin/crictl"), CRICTL, { mode: 0o755 });
    await writeFile(join(folder, "bin/systemctl"), SYSTEMCTL, { mode: 0o755 });
    const suffix = manager === "static pods" ? ".yaml" : "";
    for (const name of Object.keys(programs)) await writeFile(join(node.#watched, `${name}${suffix}`), "");
    node.#loop = node.#keepUp();
    await until("the node's programs", 10_000, () => node.#running.size === Object.keys(programs).length);
    return node;
  }

  /** Those that run now. */
  get running(): readonly string[] {
    return [...this.#running].flatMap(([name, { isRunning }]) => (isRunning ? [name] : [])).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#loop;
    await Promise.all([...this.#running.values()].map((each) => each.kill()));
  }

  async #keepUp(): Promise<void> {
    while (!this.#isClosed) {
      const wanted = new Set((await readdir(this.#watched)).map((file) => basename(file, ".yaml")));
      for (const [name, program] of Object.entries(this.#programs)) {
        const process = this.#running.get(name);
        const mark = join(this.folder, "run", name);
        if (wanted.has(name) && process?.isRunning !== true) {
          const logFile = join(this.folder, `${name}.log`);
          const started = await LabProcess.start({ ...program, env: { PATH: globalThis.process.env["PATH"] }, logFile });
          this.#running.set(name, started);
          await writeFile(mark, `${started.pid}\n`);
        } else if (!wanted.has(name) && process !== undefined) {
          await process.stop();
          this.#running.delete(name);
          await rm(mark, { force: true });
        }
      }
      await delay(LOOK_EVERY_MS);
    }
  }
}
