import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadConfig } from "../shared/config/load.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { CONFIG_FILE, ENVIRONMENT, NODE_SCRIPTS } from "../shared/contract/service.ts";
import { systemClock } from "../shared/system-clock.ts";
import { wire } from "../shared/wire/ports.ts";
import type { Ports, Surroundings } from "../shared/wire/ports.ts";
import { debug, warn } from "./log.ts";

/** Whose function this is: what deployed it says so, also where the configuration cannot be read. */
export function serviceName(): string {
  return surroundings.environment[ENVIRONMENT.service] ?? "lifeboat";
}

/** Where restore.sh is in the code of a function that makes bundles; undefined for its place in the package. */
export function nodeScripts(): string | undefined {
  const root = surroundings.environment["LAMBDA_TASK_ROOT"];
  return root === undefined ? undefined : join(root, NODE_SCRIPTS);
}

/** What all invocations of one container work with. */
export interface Container {
  readonly loaded: LoadedConfig;
  readonly ports: Ports;
}

const endings: (() => Promise<void>)[] = [];

export const surroundings: Surroundings = {
  clock: systemClock,
  randomBytes,
  environment: process.env,
  // A function has no XDG_RUNTIME_DIR: this is the one folder that it may write to, and no other container sees it.
  runtimeFolder: tmpdir(),
  stateFolder: undefined,
  debug,
  onEnd: (dispose) => endings.push(dispose),
  onWarning: warn,
};

let opened: Promise<Container> | undefined;

/** The first invocation reads the configuration and makes the ports, later ones find them. Throws as `loadConfig` does. */
export function openContainer(): Promise<Container> {
  opened ??= open();
  return opened;
}

/** After a failure: keys and clients are looked at anew, so that what was mended meanwhile is seen. */
export async function forgetContainer(): Promise<void> {
  opened = undefined;
  await Promise.all(endings.splice(0).map((dispose) => dispose().catch(() => undefined)));
}

async function open(): Promise<Container> {
  const { environment } = surroundings;
  const name = environment[ENVIRONMENT.config] ?? CONFIG_FILE;
  const read = await loadConfig(resolve(environment["LAMBDA_TASK_ROOT"] ?? import.meta.dirname, name), { file: name, readsFleet: false });
  // `tools.dir` is of the machine that the configuration was written for; here programs come in layers.
  const loaded = { ...read, config: { ...read.config, tools: {} } };
  return { loaded, ports: await wire(loaded, surroundings, "all") };
}
