/**
 * The port to a place on this machine for what must not stay there, plaintext of snapshots for one, and for the programs that work on it. Its folder is this user's alone. However this process ends, also by SIGKILL, the programs
 * are killed and the folder is removed; where even what sees to that was killed, the next one to open a place in the same folder does it. The adapter is workplace/, its tests are test/host/workplace/.
 */
export interface Workplace {
  /** Absolute, mode 0700. */
  readonly folder: string;
  /** Absolute, of what has that name in the folder. */
  path(name: string): string;
  makeFolder(name: string): Promise<void>;
  /** A new file, mode 0600, or 0700 for a program. */
  write(name: string, text: string, kind?: "file" | "program"): Promise<void>;
  /** The whole of a small file; undefined where there is none. */
  read(name: string): Promise<string | undefined>;
  /** A link to a program of this machine, where the programs that run here find it by its name. */
  link(name: string, program: string): Promise<void>;
  /** Also where it is not there. */
  remove(name: string): Promise<void>;
  /**
   * Runs a program in the folder, which sees no terminal and nothing of this process's environment but PATH. What it starts in the background goes on. Throws `interrupted`, and `output/failed` where what guards the place has died.
   */
  run(words: readonly string[], options: RunOptions): Promise<Ended>;
  /** Whether a process that was started here still runs. */
  isRunning(pid: number): Promise<boolean>;
  /** SIGTERM to a process that was started here, and SIGKILL after `graceMs`; resolves when it has ended. */
  stop(pid: number, graceMs: number): Promise<void>;
  /** An address of this machine's own that nothing else is likely to use, and free ports there. */
  freePorts(count: number): Promise<{ readonly host: string; readonly ports: readonly number[] }>;
  /** Kills what still runs here, and removes the folder. Throws `output/failed` where it cannot be removed. */
  end(): Promise<void>;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Told of each line that the program prints, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Ended {
  /** 128 and more: by a signal. */
  readonly code: number;
  /** The last lines that it printed. */
  readonly lines: readonly string[];
}

export interface Workplaces {
  /**
   * A new place in `parent`, with room for `bytes`. What dead processes left there is removed first. Throws `usage` where this machine cannot give one, `input/unusable` for a folder that others may change, `store/full`.
   */
  open(parent: string, bytes: number): Promise<Workplace>;
}
