import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { ROOT_PASSWORD } from "../../tools/lab/cluster-security.ts";
import { initArguments } from "./initialise.ts";
import type { Reachable } from "./initialise.ts";
import { lifeboatHere } from "./lifeboat-here.ts";
import type { LifeboatOptions, Outcome } from "./lifeboat.ts";
import { saying } from "./matchers.ts";

/** A folder with a configuration of the cluster `prod`, keys and a store of its own, and what can be seen in it. */
export interface Place {
  /** To run the command there. */
  readonly options: LifeboatOptions;
  path(name: string): string;
  edit(file: string, change: (text: string) => string): Promise<void>;
  /** Runs a command line in this process. */
  here(...args: readonly string[]): Promise<Outcome>;
  /** Every file of the store, by its path in it. */
  stored(): Promise<readonly string[]>;
  /** Bytes of the uploads that are not finished. */
  unfinished(): Promise<readonly number[]>;
}

export interface PlaceOptions {
  /** In place of the cluster's own, a proxy's for example. */
  readonly endpoints?: readonly string[];
  /** Those of lifeboat.yaml that are not to be the default: `{ idle: "1s" }`. */
  readonly timeouts?: Readonly<Record<string, string>>;
}

export async function newPlace(
  cluster: Reachable,
  folder: string,
  name: string,
  { endpoints, timeouts = {} }: PlaceOptions = {},
): Promise<Place> {
  const cwd = join(folder, name.replaceAll(/[^a-z0-9]+/gi, "-"));
  await mkdir(cwd, { recursive: true });
  const env: Record<string, string> = cluster.connection.auth === undefined ? {} : { ETCD_PASSWORD: ROOT_PASSWORD };
  const options = { cwd, env };
  const path = (file: string): string => join(cwd, file);
  const { code, stderr } = await lifeboatHere(initArguments({ ...cluster, endpoints: endpoints ?? cluster.endpoints }), options);
  if (code !== 0) throw new Error(`lifeboat init ended with ${code}: ${stderr}`);
  const place: Place = {
    options,
    path,
    edit: async (file, change) => {
      const before = await readFile(path(file), "utf8");
      const after = change(before);
      if (after === before) throw new Error(`nothing changed in ${file}`);
      await writeFile(path(file), after);
    },
    here: (...args) => lifeboatHere(args, options),
    stored: () => filesIn(path("vault")),
    unfinished: async () =>
      Promise.all(
        (await filesIn(path("vault/.lifeboat/incoming"))).map(async (each) => (await stat(path(`vault/.lifeboat/incoming/${each}`))).size),
      ),
  };
  if (Object.keys(timeouts).length > 0) {
    await place.edit("lifeboat.yaml", (text) =>
      Object.entries(timeouts).reduce(
        (changed, [key, value]) => changed.replace(new RegExp(`^( +${key}:) \\d.*$`, "m"), `$1 ${value}`),
        text,
      ),
    );
  }
  return place;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return files.toSorted();
}

const listingSchema = z.object({
  snapshots: z.array(
    z.object({ id: z.string(), takenAt: z.string(), quarantined: z.boolean().nullable(), good: z.boolean(), error: z.unknown() }),
  ),
});

/** The ids that `ls` lists, each of them whole as far as `ls` and `verify` can see; `latest` is the newest that is not in quarantine. */
export async function expectTruth(place: Place): Promise<readonly string[]> {
  const listed = await place.here("ls", "prod", "--json");
  expect(listed).toMatchObject({ code: 0 });
  const { snapshots } = listingSchema.parse(JSON.parse(listed.stdout));
  const manifests = (await place.stored()).filter((file) => file.startsWith("clusters/prod/snapshots/"));
  expect(manifests).toHaveLength(snapshots.length);
  // By when it was taken: a run may be late for its slot.
  const byTime = snapshots.toSorted((one, other) => Date.parse(one.takenAt) - Date.parse(other.takenAt));
  const newest = byTime.findLast(({ quarantined }) => quarantined !== true);
  for (const { id } of snapshots.filter((each) => each !== newest))
    expect(await place.here("verify", `prod/${id}`)).toMatchObject({ code: 0 });
  const latest = await place.here("verify", "prod/latest");
  if (newest === undefined) expect(latest).toMatchObject({ code: 2, stdout: "" });
  else expect(latest).toMatchObject({ code: 0, stdout: saying(`prod/${newest.id} ${newest.good ? "is good" : "holds"}: signature`) });
  return snapshots.map(({ id }) => id);
}

/** The files that are no custody records, and not the store's marker. */
export function apartFromRecords(files: readonly string[]): readonly string[] {
  return files.filter((file) => file !== "store.json" && !file.startsWith("clusters/prod/custody/"));
}

const errorSchema = z.object({ error: z.object({ code: z.literal("ref/not-found") }) });
const custodySchema = z.object({
  records: z.array(z.object({ event: z.string(), details: z.object({ code: z.string().optional() }) })),
  verification: z.object({ findings: z.array(z.object({ code: z.string(), subject: z.string() })) }),
});

/** What the custody log holds, and what is found where it is held against the store: nothing is wrong with the log itself. */
export async function custodyIn(place: Place): Promise<{ readonly events: readonly string[]; readonly findings: readonly string[] }> {
  const { code, stdout } = await place.here("custody", "prod", "--verify", "--json");
  // Of a cluster of which there is nothing at all.
  if (code === 2 && errorSchema.safeParse(JSON.parse(stdout)).success) return { events: [], findings: [] };
  const { records, verification } = custodySchema.parse(JSON.parse(stdout));
  expect(code).toBe(verification.findings.length === 0 ? 0 : 6);
  return { events: records.map(({ event }) => event), findings: verification.findings.map((each) => each.code) };
}

/** That there is no snapshot and nothing that a run began, and that `ls` and `verify` say so; at most the custody log tells of it. */
export async function expectNothing(place: Place): Promise<void> {
  expect(apartFromRecords(await place.stored())).toEqual([]);
  expect((await custodyIn(place)).findings).toEqual([]);
  expect(await expectTruth(place)).toEqual([]);
}

const backupSchema = z.object({ id: z.string(), existing: z.boolean(), member: z.object({ name: z.string(), endpoint: z.string() }) });

/** A backup that goes well, and whose content is read back whole. */
export async function expectBackup(place: Place, args: readonly string[] = []): Promise<z.infer<typeof backupSchema>> {
  const { code, stdout, stderr } = await place.here("backup", "prod", "--json", ...args);
  expect(`${code}: ${stderr}`).toMatch(/^0: /);
  const result = backupSchema.parse(JSON.parse(stdout));
  expect(await place.here("verify", `prod/${result.id}`, "--deep")).toMatchObject({ code: 0 });
  return result;
}

const orphansSchema = z.object({
  orphans: z.array(
    z.object({ kind: z.enum(["data", "unfinished"]), key: z.string().nullable(), id: z.string().nullable(), swept: z.boolean() }),
  ),
  unclear: z.array(z.unknown()).length(0),
});

/** The files of the store that `orphans` lists, of any age; swept where it is told to. */
export async function orphansIn(place: Place, sweep?: "sweep"): Promise<readonly string[]> {
  const { code, stdout } = await place.here("orphans", "--older-than", "0s", "--json", ...(sweep === undefined ? [] : ["--sweep"]));
  expect(code).toBe(0);
  const { orphans } = orphansSchema.parse(JSON.parse(stdout));
  for (const { swept } of orphans) expect(swept).toBe(sweep === "sweep");
  return orphans.map(({ key, id }) => key ?? `.lifeboat/incoming/${id}`).toSorted();
}
