import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { LifeboatError } from "../../../errors.ts";
import { interrupted } from "../../../within.ts";
import { parseBlobStats, parseMaintenance, parseSnapshots, parseStatus } from "./answers.ts";
import {
  configFile,
  configurationOf,
  createFlags,
  environmentOf,
  globalFlags,
  locationOf,
  policyFlags,
  retentionFlags,
  snapshotFlags,
  tagFlags,
} from "./command-line.ts";
import type { Secrets } from "./command-line.ts";
import { failureOf, strangeAnswer } from "./failures.ts";
import { KOPIA_HOST, KOPIA_USER } from "./kopia.ts";
import type {
  BlobRetention,
  CreateOptions,
  Kopia,
  KopiaRepository,
  KopiaSnapshot,
  KopiaStatus,
  KopiaUpload,
  MaintenanceInfo,
  SnapshotInput,
  Splitter,
} from "./kopia.ts";
import { start, startFed, stdoutOf } from "./process.ts";
import type { Child, Ended, Run } from "./process.ts";
import { ProgramUpload } from "./upload.ts";

export interface KopiaOptions {
  /** Absolute path of the program. */
  readonly program: string;
  readonly repository: KopiaRepository;
  /** Kopia strips white space around it. */
  readonly password: string;
  /** The caller's. Of it only how to reach the network, and PATH, go on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends every run. */
  readonly signal?: AbortSignal | undefined;
  /** Where the private folder is made; left out: the system's folder for temporary files. */
  readonly temporary?: string | undefined;
}

/** A repository, by the program. Nothing is run yet; disposing of it removes the private folder and kills what still runs. */
export async function openKopia(options: KopiaOptions): Promise<Kopia> {
  const folder = await mkdtemp(join(options.temporary ?? tmpdir(), "lifeboat-kopia-"));
  return new ProgramKopia(options, folder);
}

class ProgramKopia implements Kopia {
  readonly location: string;
  readonly #options: KopiaOptions;
  /** mkdtemp made it with mode 0700. */
  readonly #folder: string;
  readonly #running = new Set<Child>();
  #configured: Promise<void> | undefined;
  #pipes = 0;

  constructor(options: KopiaOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.location = locationOf(options.repository);
  }

  async create(options: CreateOptions): Promise<void> {
    await this.#run(createFlags(this.#options.repository, options), `create a Kopia repository in ${this.location}`);
    await this.setPolicy(options);
    await this.setOwner({ extendObjectLocks: options.retention !== undefined });
  }

  async status(): Promise<KopiaStatus> {
    return this.#ask(["repository", "status", "--json"], `ask for the status of ${this.location}`, parseStatus);
  }

  async setPolicy({ splitter }: { readonly splitter: Splitter }): Promise<void> {
    await this.#ask(policyFlags(splitter), `set the policy in ${this.location}`, nothing);
  }

  async setRetention(retention: BlobRetention): Promise<void> {
    const args = ["repository", "set-parameters", ...retentionFlags(retention)];
    await this.#ask(args, `set the object lock of ${this.location}`, nothing);
  }

  async setOwner({ extendObjectLocks }: { readonly extendObjectLocks?: boolean } = {}): Promise<void> {
    const locks = extendObjectLocks === undefined ? [] : [`--extend-object-locks=${extendObjectLocks}`];
    await this.#ask(["maintenance", "set", "--owner=me", ...locks], `set the owner of the maintenance of ${this.location}`, nothing);
  }

  async snapshotCreate(input: SnapshotInput, signal?: AbortSignal): Promise<KopiaUpload> {
    requireInput(input);
    const doing = `write the snapshot of ${input.source} into ${this.location}`;
    await this.#configure();
    const secrets = await this.#secrets();
    this.#options.signal?.throwIfAborted();
    signal?.throwIfAborted();
    const pipe = join(this.#folder, `input-${(this.#pipes += 1)}`);
    await makePipe(pipe, this.#environment(secrets));
    const child = await startFed(this.#runOf(snapshotFlags(input), secrets), pipe);
    const release = this.#watch(child, signal);
    return new ProgramUpload({
      child,
      doing,
      release: async () => {
        release();
        await rm(pipe, { force: true });
      },
      failure: (ended) => this.#failure(ended, doing, secrets, signal),
      discard: (id) => this.delete(id),
    });
  }

  async list(tags: Readonly<Record<string, string>>, { incomplete = false } = {}): Promise<readonly KopiaSnapshot[]> {
    const doing = `list the snapshots in ${this.location}`;
    const all = await this.#ask(["snapshot", "list", "--all", "--json", ...tagFlags(tags)], doing, (stdout, { stderr }) => {
      // kopia leaves out what it cannot read, and ends with 0. What is not found was deleted since it began.
      if (/unable to parse snapshot manifest \S+: (?!.*snapshot not found)/i.test(stderr)) throw damagedList(doing);
      return parseSnapshots(stdout);
    });
    return all
      .filter(({ source }) => source.userName === KOPIA_USER && source.host === KOPIA_HOST)
      .filter((each) => incomplete || each.incomplete === undefined)
      .toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime());
  }

  async *show(object: string, file: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const doing = `read ${object}/${file} in ${this.location}`;
    await this.#configure();
    const secrets = await this.#secrets();
    this.#options.signal?.throwIfAborted();
    signal?.throwIfAborted();
    const child = start(this.#runOf(["show", `${object}/${file}`], secrets));
    const release = this.#watch(child, signal);
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
      const ended = await child.ended;
      if (ended.exitCode !== 0) throw this.#failure(ended, doing, secrets, signal);
    } finally {
      child.kill();
      await child.ended;
      release();
    }
  }

  async verify(ids: readonly [string, ...string[]], reads: "every byte" | "no file", signal?: AbortSignal): Promise<void> {
    for (const id of ids) requireId(id);
    const args = ["snapshot", "verify", `--verify-files-percent=${reads === "every byte" ? 100 : 0}`, ...ids];
    await this.#ask(args, `verify ${ids.join(", ")} in ${this.location}`, nothing, signal);
  }

  async delete(id: string): Promise<void> {
    requireId(id);
    await this.#ask(["snapshot", "delete", "--delete", id], `delete the snapshot ${id} in ${this.location}`, nothing);
  }

  async pin(id: string, name: string): Promise<void> {
    requireId(id);
    await this.#ask(["snapshot", "pin", `--add=${name}`, id], `pin the snapshot ${id} in ${this.location}`, nothing);
  }

  async unpin(id: string, name: string): Promise<void> {
    requireId(id);
    await this.#ask(["snapshot", "pin", `--remove=${name}`, id], `unpin the snapshot ${id} in ${this.location}`, nothing);
  }

  async maintenanceInfo(): Promise<MaintenanceInfo> {
    return this.#ask(["maintenance", "info", "--json"], `ask for the maintenance of ${this.location}`, parseMaintenance);
  }

  async maintenanceRun(mode: "quick" | "full", signal?: AbortSignal): Promise<void> {
    const args = ["maintenance", "run", ...(mode === "full" ? ["--full"] : ["--no-full"])];
    await this.#ask(args, `run the ${mode} maintenance of ${this.location}`, nothing, signal);
  }

  async blobStats(): Promise<{ readonly count: number; readonly bytes: number }> {
    return this.#ask(["blob", "stats", "--raw"], `measure ${this.location}`, parseBlobStats);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running];
    for (const child of running) child.kill();
    await Promise.all(running.map(({ ended }) => ended));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Instead of `kopia repository connect`. */
  #configure(): Promise<void> {
    return (this.#configured ??= writeFile(configFile(this.#folder), configurationOf(this.#options.repository), { mode: 0o600 }));
  }

  /** Runs kopia on the repository, and gives what `parse` makes of its answer. */
  async #ask<T>(args: readonly string[], doing: string, parse: (stdout: string, ended: Ended) => T, signal?: AbortSignal): Promise<T> {
    await this.#configure();
    const { stdout, ended } = await this.#run(args, doing, signal);
    try {
      return parse(stdout, ended);
    } catch (error) {
      throw error instanceof LifeboatError ? error : strangeAnswer(error, doing);
    }
  }

  async #run(args: readonly string[], doing: string, signal?: AbortSignal): Promise<{ readonly stdout: string; readonly ended: Ended }> {
    const secrets = await this.#secrets();
    for (const each of [this.#options.signal, signal]) if (each?.aborted === true) throw interrupted(each, doing);
    const child = start(this.#runOf(args, secrets));
    const release = this.#watch(child, signal);
    try {
      const stdout = await stdoutOf(child);
      const ended = await child.ended;
      if (ended.exitCode !== 0) throw this.#failure(ended, doing, secrets, signal);
      return { stdout, ended };
    } finally {
      release();
    }
  }

  /** Kills `child` when a signal aborts or this is disposed of, until the returned function is called. */
  #watch(child: Child, signal: AbortSignal | undefined): () => void {
    this.#running.add(child);
    const signals = [this.#options.signal, signal].filter((each) => each !== undefined);
    for (const each of signals) {
      if (each.aborted) child.kill();
      else each.addEventListener("abort", child.kill, { once: true });
    }
    return () => {
      this.#running.delete(child);
      for (const each of signals) each.removeEventListener("abort", child.kill);
    };
  }

  #failure(ended: Ended, doing: string, { password, aws }: Secrets, signal: AbortSignal | undefined): LifeboatError {
    for (const each of [this.#options.signal, signal]) if (each?.aborted === true) return interrupted(each, `kopia was to ${doing}`);
    return failureOf(ended, doing, [password, aws?.secretAccessKey ?? "", aws?.sessionToken ?? ""]);
  }

  async #secrets(): Promise<Secrets> {
    const { password, repository } = this.#options;
    return { password, aws: repository.kind === "s3" ? await repository.credentials() : undefined };
  }

  #environment(secrets: Secrets): Record<string, string> {
    return environmentOf(this.#options.environment, this.#folder, secrets);
  }

  #runOf(args: readonly string[], secrets: Secrets): Run {
    return {
      program: this.#options.program,
      args: [...globalFlags(this.#folder), ...args],
      env: this.#environment(secrets),
      cwd: this.#folder,
    };
  }
}

function nothing(): void {}

/** By another id than a snapshot's own kopia means every snapshot of that content. */
function requireId(id: string): void {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new LifeboatError("verify/format", `${id} is no id of a Kopia snapshot`);
}

function requireInput({ source, file, tags }: SnapshotInput): void {
  if (!source.startsWith("/")) throw new Error(`the source ${source} does not begin with a slash`);
  if (file.includes("/") || file === "") throw new Error(`${file} is no name of a file`);
  const strange = Object.keys(tags).find((name) => !/^[\w-]+$/.test(name));
  if (strange !== undefined) throw new Error(`${strange} is no name of a tag`);
}

function damagedList(doing: string): LifeboatError {
  return new LifeboatError("verify/checksum", `cannot ${doing}: the record of a snapshot cannot be read`, {
    hint: "kopia snapshot list says which; kopia snapshot verify finds what else is damaged",
  });
}

/** Node makes none by itself. */
async function makePipe(path: string, env: Record<string, string>): Promise<void> {
  const { exitCode, shortMessage } = await execa("mkfifo", ["-m", "600", path], {
    env: { PATH: env["PATH"] ?? "" },
    extendEnv: false,
    reject: false,
  });
  if (exitCode === 0) return;
  throw new LifeboatError(
    "store/failed",
    `cannot make a named pipe for kopia in the temporary folder: ${shortMessage ?? "mkfifo failed"}`,
    {
      hint: "mkfifo of POSIX must be on PATH, and the folder for temporary files on a file system that has named pipes",
    },
  );
}
