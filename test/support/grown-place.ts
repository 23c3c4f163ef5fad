import { cp, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig } from "../../shared/config/load.ts";
import { STORE_KEY } from "../../shared/documents/layout.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import type { BlobStore } from "../../shared/store/blob-store.ts";
import { DAY_MS, HOUR_MS, hourly } from "../jobs/prune/history.ts";
import { once } from "./blobs.ts";
import { lifeboatHere } from "./lifeboat-here.ts";
import { newVault } from "./vaults.ts";
import type { TestVault } from "./vaults.ts";

/** A folder with a configuration of `prod`, keys, and a directory store in which a history has grown without an etcd. */
export interface GrownPlace {
  readonly cwd: string;
  /** In the memory of this process, what was put into the store. */
  readonly vault: TestVault;
  /** Oldest first. */
  readonly ids: readonly string[];
}

/** `retention` of lifeboat.yaml: keeps the three newest. */
const KEEPS_THREE = "retention: { latest: 3, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0 }";

/** Snapshots of two days ago, which are to go, and three of the last hours, all good. The store's files are as old as what they hold. */
export async function growPlace(cwd: string, { old = 3 } = {}): Promise<GrownPlace> {
  await mkdir(cwd, { recursive: true });
  const { code, stderr } = await lifeboatHere(["init", "--cluster", "prod", "--endpoint", "http://127.0.0.1:1"], { cwd });
  if (code !== 0) throw new Error(`lifeboat init ended with ${code}: ${stderr}`);
  const file = join(cwd, "lifeboat.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/^( {4})retention:\n(?: {6}.*\n)+/m, `$1${KEEPS_THREE}\n`));
  const { config } = await loadConfig(file, { file: "lifeboat.yaml" });
  // The newest is five minutes old, so that a test has almost two hours until the RPO of `lifeboat init` has passed.
  const end = Math.floor(Date.now() / 1000) * 1000 - 2 * HOUR_MS - 5 * 60_000;
  const start = new Date(end - 2 * DAY_MS - old * HOUR_MS);
  const keys = {
    folder: cwd,
    ring: new LocalKeyRing(join(cwd, "keys")),
    trusted: { snapshot: fingerprints(config.trustedKeys.snapshot), audit: fingerprints(config.trustedKeys.audit), bundle: [] },
    breakGlass: { identity: "", recipient: config.breakGlass[0] ?? "" },
    remove: () => Promise.resolve(),
  };
  const vault = newVault(keys, start.toISOString());
  const ids = [...(await hourly(vault, old))];
  vault.clock.advance(end - vault.clock.now().getTime());
  ids.push(...(await hourly(vault, 3)));
  for (const [key, { bytes, modified }] of vault.blobs.objects) {
    const path = join(cwd, "vault", key);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o600 });
    await utimes(path, modified, modified);
  }
  return { cwd, vault, ids };
}

/** The same once more, for a test that changes it. */
export async function copyOf(place: GrownPlace, cwd: string): Promise<GrownPlace> {
  await cp(place.cwd, cwd, { recursive: true, preserveTimestamps: true });
  return { ...place, cwd };
}

/** Puts what has grown into another store, but for keys of which `leavesOut` is a part. */
export async function putInto(store: BlobStore, { cwd, vault }: GrownPlace, leavesOut?: string): Promise<void> {
  await store.put(STORE_KEY, once(await readFile(join(cwd, "vault", STORE_KEY), "utf8")));
  for (const [key, { bytes }] of vault.blobs.objects)
    if (leavesOut === undefined || !key.includes(leavesOut)) await store.put(key, chunk(bytes));
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield bytes;
}

function fingerprints(trusted: readonly (string | { readonly key: string })[]): readonly string[] {
  return trusted.map((each) => (typeof each === "string" ? each : each.key));
}
