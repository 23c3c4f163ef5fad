import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { LifeboatError } from "../../../errors.ts";
import { interrupted } from "../../../within.ts";
import { configFile, configurationOf, environmentOf, globalFlags, secretsIn } from "./command-line.ts";
import type { Secrets } from "./command-line.ts";
import { failureOf, strangeAnswer } from "./failures.ts";
import type { KopiaRepository } from "./kopia.ts";
import { start, startFed, stdoutOf } from "./process.ts";
import type { Child, Ended, Fed, Run } from "./process.ts";

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

/** What one run does: its arguments, and for messages the act and where. */
export interface Act {
  readonly args: readonly string[];
  readonly doing: string;
  /** Kills it. */
  readonly signal?: AbortSignal | undefined;
}

/** A run that goes on. */
export interface Begun<C extends Child> {
  readonly child: C;
  /** To be called when the program has ended. */
  readonly release: () => Promise<void>;
  /** Why it ended with anything but 0. */
  readonly failure: (ended: Ended) => LifeboatError;
}

/** What an act is given on its stdin, where that is a secret: it is taken out of what is repeated of kopia's words. */
export interface Given {
  readonly text: string;
  readonly secrets: readonly string[];
}

/** Runs of kopia on one repository, in a private folder: with its configuration, and with secrets in the environment alone. */
export class Runs implements AsyncDisposable {
  readonly #options: KopiaOptions;
  readonly #folder: string;
  readonly #running = new Set<Child>();
  #configured: Promise<void> | undefined;
  #pipes = 0;

  constructor(options: KopiaOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Runs kopia on the repository, and gives what `parse` makes of its answer. */
  async ask<T>(act: Act, parse: (stdout: string, ended: Ended) => T): Promise<T> {
    await this.#configure();
    const { stdout, ended } = await this.run(act);
    try {
      return parse(stdout, ended);
    } catch (error) {
      throw error instanceof LifeboatError ? error : strangeAnswer(error, act.doing);
    }
  }

  /** The same without a repository that kopia knows. */
  async run(act: Act): Promise<{ readonly stdout: string; readonly ended: Ended }> {
    return this.#toItsEnd(await this.#begin(act, async (run) => start(run)));
  }

  /** The same on the repository, with something on kopia's stdin. */
  async give(act: Act, given: Given): Promise<void> {
    await this.#configure();
    await this.#toItsEnd(await this.#begin(act, async (run) => start(run, given.text), given.secrets));
  }

  async #toItsEnd({ child, release, failure }: Begun<Child>): Promise<{ readonly stdout: string; readonly ended: Ended }> {
    try {
      const stdout = await stdoutOf(child);
      const ended = await child.ended;
      if (ended.exitCode !== 0) throw failure(ended);
      return { stdout, ended };
    } finally {
      await release();
    }
  }

  /** Starts one whose answer is read while it runs. */
  async begin(act: Act): Promise<Begun<Child>> {
    await this.#configure();
    return this.#begin(act, async (run) => start(run));
  }

  /** Starts one that is fed. */
  async feed(act: Act): Promise<Begun<Fed>> {
    await this.#configure();
    const pipe = join(this.#folder, `input-${(this.#pipes += 1)}`);
    const { release, ...begun } = await this.#begin(act, async (run) => {
      await makePipe(pipe, run.env);
      return startFed(run, pipe);
    });
    return {
      ...begun,
      release: async () => {
        await release();
        await rm(pipe, { force: true });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running];
    for (const child of running) child.kill();
    await Promise.all(running.map(({ ended }) => ended));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #begin<C extends Child>(
    { args, doing, signal }: Act,
    launch: (run: Run) => Promise<C>,
    hidden: readonly string[] = [],
  ): Promise<Begun<C>> {
    const secrets = await this.#secrets();
    const signals = [this.#options.signal, signal].filter((each) => each !== undefined);
    for (const each of signals) if (each.aborted) throw interrupted(each, doing);
    const child = await launch(this.#runOf(args, secrets));
    const release = this.#watch(child, signals);
    return {
      child,
      release: () => {
        release();
        return Promise.resolve();
      },
      failure: (ended) => {
        for (const each of signals) if (each.aborted) return interrupted(each, `kopia was to ${doing}`);
        return failureOf(ended, doing, [...secretsIn(secrets), ...hidden]);
      },
    };
  }

  /** Kills `child` when a signal aborts or this is disposed of, until the returned function is called. */
  #watch(child: Child, signals: readonly AbortSignal[]): () => void {
    this.#running.add(child);
    for (const each of signals) {
      if (each.aborted) child.kill();
      else each.addEventListener("abort", child.kill, { once: true });
    }
    return () => {
      this.#running.delete(child);
      for (const each of signals) each.removeEventListener("abort", child.kill);
    };
  }

  /** Instead of `kopia repository connect`. */
  #configure(): Promise<void> {
    return (this.#configured ??= writeFile(configFile(this.#folder), configurationOf(this.#options.repository), { mode: 0o600 }));
  }

  async #secrets(): Promise<Secrets> {
    const { password, repository } = this.#options;
    return { password, aws: repository.kind === "s3" ? await repository.credentials() : undefined };
  }

  #runOf(args: readonly string[], secrets: Secrets): Run {
    return {
      program: this.#options.program,
      args: [...globalFlags(this.#folder), ...args],
      env: environmentOf(this.#options.environment, this.#folder, secrets),
      cwd: this.#folder,
    };
  }
}

/** Node makes none by itself. */
async function makePipe(path: string, env: Readonly<Record<string, string>>): Promise<void> {
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
