import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { initialise } from "./initialise.ts";
import { lifeboatJsonHere } from "./lifeboat-here.ts";
import type { LifeboatOptions } from "./lifeboat.ts";
import { RECENT_SLOT } from "./recent-slot.ts";

/** What the tests of a file work with. Hooks fill it: there is nothing in it before the first test. */
export interface TwoSnapshots {
  readonly cluster: EtcdCluster;
  readonly folder: TemporaryFolder;
  /** To run the command in that folder. */
  readonly options: LifeboatOptions;
  /** Two snapshots of prod, older and newer; the newer is verified. */
  readonly ids: readonly [string, string];
}

/** A real etcd, and a folder with a configuration, keys and a store with two snapshots of it: made once for the tests of a file. */
export function useTwoSnapshots(): TwoSnapshots {
  const inUse = {} as { -readonly [Name in keyof TwoSnapshots]: TwoSnapshots[Name] };
  beforeAll(async () => {
    [inUse.cluster, inUse.folder] = await Promise.all([startCluster({ version: "3.6", security: "tls" }), temporaryFolder()]);
    await fillWithKubernetesData(inUse.cluster.connection, { megabytes: 2 });
    inUse.options = await initialise(inUse.cluster, inUse.folder.path);
    const older = await lifeboatJsonHere(["backup", "prod", "--slot", RECENT_SLOT], inUse.options);
    const taken = Math.ceil(Date.now() / 1000) * 1000;
    // A manifest that does not hold is known by the second of its id alone.
    await until("the next second has begun", 2000, () => Promise.resolve(Date.now() >= taken));
    const newer = await lifeboatJsonHere(["backup", "prod"], inUse.options);
    inUse.ids = [idOf(older), idOf(newer)];
    await lifeboatJsonHere(["verify", "prod/latest", "--deep"], inUse.options);
  });
  afterAll(async () => {
    await inUse.cluster.stop();
    await inUse.folder.remove();
  });
  return inUse;
}

export function idOf(value: unknown): string {
  if (typeof value === "object" && value !== null && "id" in value && typeof value.id === "string") return value.id;
  throw new Error("no id");
}

/** A copy of the whole set-up, to be broken. */
export async function copyOf({ cluster, folder, options }: TwoSnapshots, name: string): Promise<LifeboatOptions> {
  const cwd = join(folder.path, "copies", name);
  await mkdir(cwd, { recursive: true });
  for (const part of ["lifeboat.yaml", "keys", "vault", "break-glass.key"])
    await cp(join(folder.path, part), join(cwd, part), { recursive: true });
  const config = join(cwd, "lifeboat.yaml");
  const { ca, cert, key } = cluster.files;
  const text = await readFile(config, "utf8");
  await writeFile(
    config,
    text
      .replace(/ca: .*/, `ca: file:${ca}`)
      .replace(/cert: .*/, `cert: file:${cert}`)
      .replace(/ key: file.*/, ` key: file:${key}`),
  );
  return { ...options, cwd };
}

/** Changes one byte of a file. */
export async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Where the data of a snapshot lies. */
export async function dataFile(cwd: string, id: string): Promise<string> {
  const data = join(cwd, "vault/clusters/prod/data");
  const name = (await readdir(data)).find((each) => each.startsWith(`${id}-`));
  if (name === undefined) throw new Error(`no data of ${id}`);
  return join(data, name);
}
