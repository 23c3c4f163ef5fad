import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { KopiaObjects } from "../../../shared/store/kopia/kopia-objects.ts";
import { KopiaStore } from "../../../shared/store/kopia/kopia-store.ts";
import { newPassword, openPassword } from "../../../shared/store/kopia/password.ts";
import { createLocalKeys } from "../../../shared/keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { snapshotStoreContract } from "../../contract/snapshot-store.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { MemoryBlobStore } from "../../doubles/memory-blob-store.ts";
import { MemoryKopia, MemoryRepository } from "../../doubles/memory-kopia.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { makeTestKeys } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";
import { flipped } from "../../support/snapshots.ts";
import { join } from "node:path";

let keys: TestKeys;
let otherRing: LocalKeyRing;
beforeAll(async () => {
  keys = await makeTestKeys();
  await createLocalKeys(join(keys.folder, "others"));
  otherRing = new LocalKeyRing(join(keys.folder, "others"));
});
afterAll(() => keys.remove());

snapshotStoreContract(
  "the Kopia store in memory",
  async () => {
    const clock = new ManualClock();
    const repository = new MemoryRepository();
    const wrapped = await newPassword({ keys: keys.ring }, [keys.breakGlass.recipient], randomBytes);
    const openBy = async (ring: LocalKeyRing, identities?: readonly string[]): Promise<MemoryKopia> =>
      new MemoryKopia(repository, await openPassword(wrapped, { keys: ring }, identities), clock);
    await (await openBy(keys.ring)).create();
    const storeBy = (ring: LocalKeyRing): KopiaStore =>
      new KopiaStore({ open: () => openBy(ring), openWith: (identities) => openBy(ring, identities), randomBytes });
    const objects = new KopiaObjects(new MemoryBlobStore(clock), () => openBy(keys.ring));
    const damage = (change: (content: Buffer) => Buffer): ((stored: { kind: string }) => Promise<void>) => {
      return (stored) => {
        const object = "object" in stored ? String(stored.object).split("/", 1)[0] : undefined;
        const content = repository.contents.get(object ?? "");
        if (object === undefined || content === undefined) throw new Error("it is not there");
        repository.contents.set(object, change(content));
        return Promise.resolve();
      };
    };
    return {
      store: storeBy(keys.ring),
      withOtherKeys: storeBy(otherRing),
      breakGlass: keys.breakGlass.identity,
      visible: () => keysIn(objects, ""),
      unfinished: () => Promise.resolve([...repository.running].map(() => "upload")),
      keptBytes: () => Promise.resolve(undefined),
      damages: [
        { what: "a flipped bit", isSeenByCheck: false, damage: damage((content) => flipped(content, 0)) },
        { what: "a byte too few", isSeenByCheck: false, damage: damage((content) => content.subarray(0, -1)) },
        { what: "a byte too many", isSeenByCheck: false, damage: damage((content) => Buffer.concat([content, Buffer.alloc(1)])) },
        {
          what: "no snapshot any more",
          isSeenByCheck: true,
          damage: (stored) => {
            const at = repository.snapshots.findIndex((each) => "object" in stored && String(stored.object).startsWith(each.object));
            repository.snapshots.splice(at, 1);
            return Promise.resolve();
          },
        },
      ],
      close: () => Promise.resolve(),
    };
  },
  "shared",
);
