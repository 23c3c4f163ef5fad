import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { withListed } from "../shared/config/listed.ts";
import { loadConfig } from "../shared/config/load.ts";
import type { LoadedConfig } from "../shared/config/load.ts";
import { CONFIG_FILE, ENVIRONMENT, NODE_SCRIPTS } from "../shared/contract/service.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { systemClock } from "../shared/system-clock.ts";
import { readFleetList } from "../shared/vault/fleet-list.ts";
import { wire } from "../shared/wire/ports.ts";
import type { Ports, Surroundings } from "../shared/wire/ports.ts";
import { inRoleFor } from "../shared/wire/session.ts";
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

/** What all invocations of one container work with; of a fleet, one invocation. */
export interface Container {
  readonly loaded: LoadedConfig;
  readonly ports: Ports;
  /** What connections are opened with besides: of a fleet in the role of the cluster. */
  readonly surroundings: Surroundings;
  /** Of a fleet: the list that is in force. */
  readonly list: Awaited<ReturnType<typeof readFleetList>> | undefined;
  /** After an invocation, of which `failed` says that something is to be looked at anew. */
  readonly end: (failed: boolean) => Promise<void>;
}

/** Whether clusters are those that the store lists, and metrics sums over all of them: one of each cluster would cost more than its backups. */
export function isFleet(): boolean {
  return surroundings.environment[ENVIRONMENT.fleet] === "1";
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

/**
 * The first invocation reads the configuration and makes the ports, later ones find them. A fleet's are made for each invocation, in the role of `cluster` where the function has one: what was opened for one cluster is never used for another. Throws as `loadConfig` and
 * `readFleetList` do.
 */
export async function openContainer(cluster: string | undefined): Promise<Container> {
  if (isFleet()) return openInFleet(cluster);
  opened ??= open();
  try {
    return await opened;
  } catch (error) {
    await forgetContainer();
    throw error;
  }
}

async function open(): Promise<Container> {
  const loaded = await configuration();
  const ports = await wire(loaded, surroundings, "all");
  return { loaded, ports, surroundings, list: undefined, end: async (failed) => (failed ? forgetContainer() : undefined) };
}

/** After a failure: keys and clients are looked at anew, so that what was mended meanwhile is seen. */
export async function forgetContainer(): Promise<void> {
  opened = undefined;
  await disposeOf(endings.splice(0));
}

async function openInFleet(cluster: string | undefined): Promise<Container> {
  const own: (() => Promise<void>)[] = [];
  const base = await configuration();
  const mine = { ...surroundings, onEnd: (dispose: () => Promise<void>) => own.push(dispose) };
  const role = mine.environment[ENVIRONMENT.role];
  if (role !== undefined && cluster === undefined)
    throw new LifeboatError("usage", "the event names no cluster, and this function works for one", {
      hint: "the state machines of the fleet call it with the cluster's name",
    });
  // Who works in a role of its own looks at all of them.
  const whose = role === undefined ? undefined : cluster;
  const lent = role === undefined || whose === undefined ? mine : await inRoleFor(base, mine, role, whose);
  const list = await readFleetList(await wire(base, lent));
  const loaded = withListed(base, list, whose === undefined ? list.names.filter((name) => isUnderstood(list, name)) : [whose]);
  return { loaded, ports: await wire(loaded, lent, "all"), surroundings: lent, list, end: () => disposeOf(own.splice(0)) };
}

/** Settings of a later version, or a fault of one cluster, hold up none of the others: the planner and the watch name it. */
export function isUnderstood(list: NonNullable<Container["list"]>, name: string): boolean {
  try {
    return list.cluster(name) !== undefined;
  } catch (error) {
    if (isLifeboatError(error, "config/invalid")) return false;
    throw error;
  }
}

async function configuration(): Promise<LoadedConfig> {
  const { environment } = surroundings;
  const name = environment[ENVIRONMENT.config] ?? CONFIG_FILE;
  const read = await loadConfig(resolve(environment["LAMBDA_TASK_ROOT"] ?? import.meta.dirname, name), { file: name, readsFleet: false });
  // `tools.dir` is of the machine that the configuration was written for; here programs come in layers.
  return { ...read, config: { ...read.config, tools: {} } };
}

async function disposeOf(disposals: readonly (() => Promise<void>)[]): Promise<void> {
  await Promise.all(disposals.map((dispose) => dispose().catch(() => undefined)));
}
