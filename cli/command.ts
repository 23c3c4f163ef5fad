import { resolve } from "node:path";
import type { Command } from "commander";
import type { LoadedConfig } from "../shared/config/load.ts";
import { readUntil } from "../shared/store/read-until.ts";
import type { ConnectedCluster } from "../shared/wire/cluster.ts";
import type { Ports, Surroundings } from "../shared/wire/ports.ts";
import type { CreatableStores } from "../shared/wire/stores.ts";
import type { Console } from "./console.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";

/** What every command works with. */
export interface Session {
  readonly console: Console;
  readonly surroundings: Surroundings;
  /** Whether one JSON document is to be printed in place of text. */
  readonly json: boolean;
  /** As given to --config (the first, where it was given more than once), absolute; undefined where it was not given. */
  readonly configOption: string | undefined;
  /** An absolute path for one that the person typed. */
  resolvePath(path: string): string;
  loadConfig(): Promise<LoadedConfig>;
  /** `from`, the name of a replica: that is read in place of the store, see `wire`. */
  openPorts(makes?: CreatableStores, from?: string): Promise<Ports>;
  /** The same for a command that writes nothing: every read of the store ends with the signal. */
  openToRead(from?: string): Promise<Ports & { readonly signal: AbortSignal }>;
  /** A connection to `cluster` for as long as `action` runs. */
  connect<T>(cluster: string, action: (connected: ConnectedCluster) => Promise<T>): Promise<T>;
  /** Ports of a store that may be made, and a connection to `cluster`, for as long as `action` runs. */
  withCluster<T>(cluster: string, action: (ports: Ports, connected: ConnectedCluster) => Promise<T>): Promise<T>;
}

/** A command adds itself to the program; what its action returns becomes the exit code. */
export type Register = (program: Command, run: Run) => void;
export type Run = (action: (session: Session) => Promise<ExitCode>) => Promise<void>;

/** The name of the configuration where none is given. */
export const DEFAULT_CONFIG = "lifeboat.yaml";

export function newSession(
  console: Console,
  surroundings: Surroundings,
  options: { readonly json: boolean; readonly configs: readonly string[] },
): Session {
  const resolvePath = (path: string): string => resolve(console.cwd, path);
  const [config, ...more] = options.configs;
  const configOption = config === undefined ? undefined : resolvePath(config);
  // Loaded when needed: not every command has to do with a configuration, and its libraries take long to load.
  let loading: Promise<LoadedConfig> | undefined;
  const load = (): Promise<LoadedConfig> => {
    loading ??= import("../shared/config/load.ts").then(({ loadConfig }) =>
      loadConfig(configOption ?? resolvePath(DEFAULT_CONFIG), {
        file: config ?? DEFAULT_CONFIG,
        more: more.map((file) => ({ file, path: resolvePath(file) })),
      }),
    );
    return loading;
  };
  const openPorts = async (makes?: CreatableStores, from?: string): Promise<Ports> => {
    const [loaded, { wire }] = await Promise.all([load(), import("../shared/wire/ports.ts")]);
    return wire(loaded, surroundings, makes, from);
  };
  const connect: Session["connect"] = async (cluster, action) => {
    const [loaded, { connectCluster }] = await Promise.all([load(), import("../shared/wire/cluster.ts")]);
    const connected = await connectCluster(loaded, cluster, surroundings);
    try {
      return await action(connected);
    } finally {
      connected.etcd.close();
    }
  };
  return {
    console,
    surroundings,
    json: options.json,
    configOption,
    resolvePath,
    loadConfig: load,
    openPorts,
    openToRead: async (from) => {
      const ports = await openPorts("nothing", from);
      return { ...ports, blobs: readUntil(ports.blobs, console.signal), signal: console.signal };
    },
    connect,
    withCluster: (cluster, action) => connect(cluster, async (connected) => action(await openPorts("all"), connected)),
  };
}

/** The table of exit codes, for help texts. */
export function exitCodeHelp(): string {
  return `\nExit codes:\n${Object.entries(EXIT_CODES)
    .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
    .join("\n")}`;
}

/** What every command that names a snapshot says of it. */
export const REF_HELP =
  "\nA ref is CLUSTER/ID, CLUSTER/latest, CLUSTER/good (the newest that is good) or\nCLUSTER@TIME (the newest whose data was taken at or before a UTC time):\nprod/20261121T100000Z, prod/latest, prod/good, prod@2026-11-21T10:00:00Z.";
