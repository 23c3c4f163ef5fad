import { tmpdir } from "node:os";
import { LifeboatError } from "../../../errors.ts";
import { parseBlobStats, parseMaintenance, parseSnapshots, parseStatus } from "./answers.ts";
import {
  createFlags,
  locationOf,
  policyFlags,
  retentionFlags,
  secretsIn,
  snapshotFlags,
  syncFlags,
  tagFlags,
  tokenOf,
} from "./command-line.ts";
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
  SyncOptions,
} from "./kopia.ts";
import { makePrivateFolder } from "./private-folder.ts";
import type { Ended } from "./process.ts";
import { Runs } from "./runs.ts";
import type { KopiaOptions } from "./runs.ts";
import { ProgramUpload } from "./upload.ts";

/** A repository, by the program. Nothing is run yet; disposing of it removes the private folder and kills what still runs. */
export async function openKopia(options: KopiaOptions): Promise<Kopia> {
  return new ProgramKopia(options, await makePrivateFolder(options.temporary ?? tmpdir()));
}

class ProgramKopia implements Kopia {
  readonly location: string;
  readonly #repository: KopiaRepository;
  readonly #runs: Runs;

  constructor(options: KopiaOptions, folder: string) {
    this.location = locationOf(options.repository);
    this.#repository = options.repository;
    this.#runs = new Runs(options, folder);
  }

  async create(options: CreateOptions): Promise<void> {
    await this.#runs.run({ args: createFlags(this.#repository, options), doing: `create a Kopia repository in ${this.location}` });
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
    signal?.throwIfAborted();
    const begun = await this.#runs.feed({ args: snapshotFlags(input), doing, signal });
    return new ProgramUpload({ ...begun, doing, discard: (id) => this.delete(id) });
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
    signal?.throwIfAborted();
    const { child, release, failure } = await this.#runs.begin({ args: ["show", `${object}/${file}`], doing, signal });
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
      const ended = await child.ended;
      if (ended.exitCode !== 0) throw failure(ended);
    } finally {
      child.kill();
      await child.ended;
      await release();
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

  async syncTo(to: KopiaRepository, { mustExist }: SyncOptions, signal?: AbortSignal): Promise<void> {
    const aws = to.kind === "s3" ? await to.credentials() : undefined;
    const text = tokenOf(to, aws);
    const doing = `copy the Kopia repository in ${this.location} to ${locationOf(to)}`;
    await this.#runs.give({ args: syncFlags(mustExist), doing, signal }, { text, secrets: [text, ...secretsIn({ aws })] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runs[Symbol.asyncDispose]();
  }

  #ask<T>(args: readonly string[], doing: string, parse: (stdout: string, ended: Ended) => T, signal?: AbortSignal): Promise<T> {
    return this.#runs.ask({ args, doing, signal }, parse);
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
