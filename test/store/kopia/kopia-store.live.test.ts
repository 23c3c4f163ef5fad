import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createLocalKeys } from "../../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { KopiaObjects } from "../../../shared/store/kopia/kopia-objects.ts";
import { KopiaStore } from "../../../shared/store/kopia/kopia-store.ts";
import { newPassword, openPassword } from "../../../shared/store/kopia/password.ts";
import type { Kopia } from "../../../shared/store/kopia/program/kopia.ts";
import { snapshotStoreContract } from "../../contract/snapshot-store.ts";
import type { SnapshotStoreUnderTest } from "../../contract/snapshot-store.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { skipWithout } from "../../support/programs.ts";
import { makeTestKeys } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";
import { bucketPlace, filesBySize, folderPlace } from "./program-under-test.ts";
import type { KopiaPlace } from "./program-under-test.ts";

/** The whole contract against a real kopia, where LIFEBOAT_TEST_KOPIA names one. */
const { LIFEBOAT_TEST_KOPIA: program = "" } = process.env;

let keys: TestKeys;
let otherRing: LocalKeyRing;
beforeAll(async () => {
  keys = await makeTestKeys();
  await createLocalKeys(join(keys.folder, "others"));
  otherRing = new LocalKeyRing(join(keys.folder, "others"));
});
afterAll(() => keys.remove());

async function underTest(place: KopiaPlace): Promise<SnapshotStoreUnderTest> {
  const wrapped = await newPassword({ keys: keys.ring }, [keys.breakGlass.recipient], randomBytes);
  const opened: Kopia[] = [];
  const openBy = async (ring: LocalKeyRing, identities?: readonly string[]): Promise<Kopia> => {
    const kopia = await place.open({ password: await openPassword(wrapped, { keys: ring }, identities) });
    opened.push(kopia);
    return kopia;
  };
  const own = await openBy(keys.ring);
  await own.create({ splitter: "FIXED-128K" });
  const openWith = (identities: readonly string[]): Promise<Kopia> => openBy(keys.ring, identities);
  const objects = new KopiaObjects(new MemoryBlobStore(new ManualClock()), async () => own);
  let undo = async (): Promise<void> => undefined;
  /** The pack of the last snapshot: the newest file that has room for its random bytes. Others may be larger, since Kopia pads them. */
  const lastPack = async (): Promise<string> => {
    const packs = (await filesBySize(place.files))
      .map((path) => ({ path, stats: statSync(path) }))
      .filter(({ stats }) => stats.size >= 300_000);
    const path = packs.toSorted((one, other) => other.stats.mtimeMs - one.stats.mtimeMs)[0]?.path ?? "";
    const before = await readFile(path);
    undo = async () => writeFile(path, before, { mode: 0o600 });
    await chmod(path, 0o600);
    return path;
  };
  return {
    store: new KopiaStore({ open: async () => own, openWith, randomBytes }),
    withOtherKeys: new KopiaStore({ open: () => openBy(otherRing), openWith, randomBytes }),
    breakGlass: keys.breakGlass.identity,
    visible: () => keysIn(objects, ""),
    unfinished: async () => (await own.list({}, { incomplete: true })).filter((each) => each.incomplete !== undefined).map(({ id }) => id),
    keptBytes: async () => Buffer.concat(await Promise.all((await filesBySize(place.files)).map((path) => readFile(path)))),
    damages: [
      { what: "a flipped byte", isSeenByCheck: false, damage: async () => flipInTheMiddle(await lastPack()) },
      { what: "a pack that is gone", isSeenByCheck: false, damage: async () => rm(await lastPack()) },
      {
        what: "no snapshot any more",
        isSeenByCheck: true,
        damage: async (stored) => {
          const all = await own.list({});
          for (const { id, object } of all) if ("object" in stored && String(stored.object).startsWith(object)) await own.delete(id);
        },
      },
    ],
    repair: () => undo(),
    async close() {
      await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
      await place[Symbol.asyncDispose]();
    },
  };
}

async function flipInTheMiddle(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(path, bytes);
}

describe.skipIf(skipWithout("kopia", program !== ""))("with a real kopia", () => {
  snapshotStoreContract("the Kopia store in a folder", async () => underTest(await folderPlace(program)), "shared");
  snapshotStoreContract("the Kopia store in a bucket", async () => underTest(await bucketPlace(program)), "shared");
});
