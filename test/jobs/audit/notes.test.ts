import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { audit } from "../../../shared/audit/audit.ts";
import type { ClusterFacts } from "../../../shared/audit/facts.ts";
import { known } from "../../../shared/audit/facts.ts";
import { catalogPrefix, custodyKey, dataPrefix, lineageKey, manifestKey, snapshotsPrefix } from "../../../shared/documents/layout.ts";
import { AuditFolder } from "../../../shared/host/files/audit-folder.ts";
import { gather } from "../../../shared/jobs/audit/gather.ts";
import type { GatherPorts } from "../../../shared/jobs/audit/gather.ts";
import { catalogue } from "../../../shared/jobs/catalog.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { DirectoryBlobStore } from "../../../shared/store/directory/directory-store.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { DAY as DAY_MS, HOUR as HOUR_MS, WELL_POLICY } from "../../audit/facts.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { flipped } from "../../support/snapshots.ts";
import { backUp, CLUSTER, makeTestKeys, newVault, oneMember } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

/** What an audit believes of an earlier one, in a folder where anybody may change anything: sizes and times of files as well. */

let keys: TestKeys;
let strangers: TestKeys;
let folder: TemporaryFolder;
let made: TestVault;
beforeAll(async () => {
  [keys, strangers, folder] = [await makeTestKeys(), await makeTestKeys(), await temporaryFolder()];
  made = newVault(keys);
  for (let index = 0; index < 3; index++) {
    const { manifest } = await backUp(made, { etcd: oneMember(10) });
    await verifyDeep(made, `${CLUSTER}/${manifest.id}`);
    made.clock.advance(HOUR_MS);
  }
  await catalogue(made, CLUSTER);
});
afterAll(async () => {
  await keys.remove();
  await strangers.remove();
  await folder.remove();
});

class Place {
  readonly path: string;
  readonly cache: string;
  readonly clock = newVault(keys, made.clock.now().toISOString()).clock;

  constructor(root: string) {
    this.path = join(root, "vault");
    this.cache = join(root, "cache");
  }

  fileOf(key: string): string {
    return join(this.path, key);
  }

  /** What an audit knows, and how many objects it read for that. */
  async look({ trusted = keys.trusted, remembers = true, cache = this.cache, path = this.path } = {}): Promise<{
    readonly facts: ClusterFacts;
    readonly reads: number;
  }> {
    const store = new DirectoryBlobStore(path, randomBytes);
    let reads = 0;
    const get = store.get.bind(store);
    store.get = (key, options) => {
      reads += 1;
      return get(key, options);
    };
    const ports: GatherPorts = {
      blobs: store,
      trusted,
      clock: this.clock,
      policyOf: () => undefined,
      replicas: [],
      auditPolicyOf: () => WELL_POLICY,
      memory: remembers ? new AuditFolder(cache, store.location) : undefined,
    };
    const options = { depth: "tail", historyMs: 7 * DAY_MS, comparesChecksum: false } as const;
    return { facts: await gather(ports, CLUSTER, { wrappingKey: known(undefined) }, options), reads };
  }

  async codes(): Promise<readonly string[]> {
    return audit((await this.look()).facts).map(({ code }) => code);
  }

  /** Other bytes in the same file, of the same size and time. */
  async replaceUnseen(key: string): Promise<void> {
    const file = this.fileOf(key);
    const [bytes, { atime, mtime }] = [await readFile(file), await stat(file)];
    await writeFile(file, flipped(bytes, 200));
    await utimes(file, atime, mtime);
    expect(await stat(file)).toMatchObject({ size: bytes.length, mtimeMs: mtime.getTime() });
  }

  async remembered(): Promise<string> {
    const [of = ""] = await readdir(this.cache);
    return join(this.cache, of, `${CLUSTER}@7d.json`);
  }
}

let places = 0;
/** The store in a folder, once audited. */
async function audited(): Promise<Place> {
  const place = new Place(join(folder.path, `place-${++places}`));
  for (const [key, { bytes, modified }] of made.blobs.objects) {
    await mkdir(dirname(place.fileOf(key)), { recursive: true });
    await writeFile(place.fileOf(key), bytes);
    await utimes(place.fileOf(key), modified, modified);
  }
  expect((await place.look()).reads).toBeGreaterThan(3);
  return place;
}

test("an audit of what has not changed reads nothing again, and knows the same", async () => {
  const place = await audited();
  const { facts, reads } = await place.look();
  expect(reads).toBe(0);
  expect(facts).toEqual((await place.look({ remembers: false })).facts);
  expect(facts.snapshots).toMatchObject({ known: true, value: [{}, {}, { lacks: [], data: { value: { state: "present" } } }] });
});

test("the days that it tells of are those before now", async () => {
  const place = await audited();
  place.clock.advance(7 * DAY_MS - HOUR_MS);
  const { facts, reads } = await place.look();
  const { facts: read } = await place.look({ remembers: false });
  expect(reads).toBe(0);
  expect(facts).toEqual(read);
  expect(facts.history).toMatchObject({ value: { events: [{ event: "backup" }, { event: "verified" }, { event: "catalogued" }] } });
});

test.each<readonly [string, (place: Place) => Promise<void>, codes: readonly string[]]>([
  ["data that is gone", async (place) => remove(place, dataPrefix(CLUSTER)), ["data/missing"]],
  ["data that was cut", async (place) => writeFile(place.fileOf(await first(place, dataPrefix(CLUSTER))), "x"), ["data/size"]],
  [
    "a manifest of the same size and time",
    async (place) => place.replaceUnseen(await last(place, snapshotsPrefix(CLUSTER))),
    ["audit/unknown"],
  ],
  ["a lineage of the same size and time", async (place) => place.replaceUnseen(lineageKey(CLUSTER, 1)), ["lineage/unbelieved"]],
  ["a record that is gone", async (place) => remove(place, custodyKey(CLUSTER, 4)), ["custody/broken"]],
  [
    "a segment of the same size and time",
    async (place) => place.replaceUnseen(await last(place, catalogPrefix(CLUSTER))),
    ["document/unbelieved"],
  ],
  ["a folder that is not ours", async (place) => plantIn(place, `clusters/${CLUSTER}/mine/x`), ["store/foreign"]],
  [
    "a planted countersignature",
    async (place) => plantIn(place, `clusters/${CLUSTER}/verified/20261121T100000Z-20261121T110000Z.json`),
    ["document/unbelieved"],
  ],
  [
    "a pin where there was none",
    async (place) => plantIn(place, `clusters/${CLUSTER}/pins/20261121T100000Z-1.json`),
    ["document/unbelieved"],
  ],
])("%s is seen by the next audit", async (_, change, codes) => {
  const place = await audited();
  const before = await place.codes();
  await change(place);
  expect((await place.codes()).filter((code) => !before.includes(code))).toEqual(expect.arrayContaining([...codes]));
  // What is wrong is read each time, and not remembered.
  expect((await place.codes()).filter((code) => !before.includes(code))).toEqual(expect.arrayContaining([...codes]));
});

test("a manifest that is gone takes its row with it", async () => {
  const place = await audited();
  await remove(place, snapshotsPrefix(CLUSTER));
  expect((await place.look()).facts.snapshots).toMatchObject({ value: [{}, {}] });
});

test.each<readonly [string, (file: string) => Promise<void>]>([
  ["was cut short", async (file) => writeFile(file, (await readFile(file)).subarray(0, -5))],
  ["has another byte", async (file) => writeFile(file, flipped(await readFile(file), 500))],
  ["is empty", (file) => writeFile(file, "")],
])("a memory that %s is no reason for an error, and everything is read", async (_, damage) => {
  const place = await audited();
  await damage(await place.remembered());
  const { facts, reads } = await place.look();
  expect(reads).toBeGreaterThan(0);
  expect(facts).toEqual((await place.look({ remembers: false })).facts);
  expect((await place.look()).reads).toBe(0);
});

test("the memory of another store at the same place, or of another trust, is not taken", async () => {
  const [place, other] = [await audited(), await audited()];
  await writeFile(await place.remembered(), await readFile(await other.remembered()));
  expect((await place.look()).reads).toBeGreaterThan(0);
  const { facts, reads } = await place.look({ trusted: { ...keys.trusted, snapshot: strangers.trusted.snapshot } });
  expect(reads).toBeGreaterThan(0);
  expect(audit(facts).map(({ code }) => code)).toContain("snapshot/unbelieved");
});

test("what has a time that has not come is read each time", async () => {
  const place = await audited();
  await plantIn(place, manifestKey(CLUSTER, "20361121T100000Z"));
  expect((await place.look()).reads).toBeGreaterThan(0);
  expect((await place.look()).reads).toBeGreaterThan(0);
});

async function first(place: Place, prefix: string): Promise<string> {
  return (await keysIn(new DirectoryBlobStore(place.path, randomBytes), prefix))[0] ?? "";
}

async function last(place: Place, prefix: string): Promise<string> {
  return (await keysIn(new DirectoryBlobStore(place.path, randomBytes), prefix)).at(-1) ?? "";
}

/** The first that begins so. */
async function remove(place: Place, prefix: string): Promise<void> {
  await new DirectoryBlobStore(place.path, randomBytes).remove(await first(place, prefix));
}

async function plantIn(place: Place, key: string): Promise<void> {
  await mkdir(dirname(place.fileOf(key)), { recursive: true });
  await writeFile(place.fileOf(key), "{}");
}
