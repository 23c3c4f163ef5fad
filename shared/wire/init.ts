import { access, constants, lstat, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { LifeboatError, messageOf } from "../errors.ts";
import { makeFolders } from "../folders.ts";
import { requireFree, writeOutput } from "../host/files/output-file.ts";
import type { InitPorts } from "../jobs/init.ts";
import { createLocalKeys } from "../keys/local/create-local-keys.ts";
import { LocalKeyRing } from "../keys/local/local-key-ring.ts";
import { markPlace, newMarker } from "../vault/place/marker.ts";
import { newIdentity } from "../seal/age.ts";
import { DirectoryBlobStore } from "../store/directory/directory-store.ts";

/** What `lifeboat init` does to the file system. */
export const initPorts: InitPorts = {
  async createKeys(folder) {
    const { publicKeys, wrappingKey } = await createLocalKeys(folder);
    const { snapshot, audit, bundle } = publicKeys;
    return { fingerprints: { snapshot: snapshot.fingerprint, audit: audit.fingerprint, bundle: bundle.fingerprint }, wrappingKey };
  },
  newIdentity,
  requireFree,
  async writeNew(path, text) {
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from(text);
    }
    await writeOutput(path, body());
  },
  async makeFolder(path) {
    const there = await lstat(path).then(
      () => true,
      () => false,
    );
    await makeFolders(path).catch((error: unknown) => {
      throw new LifeboatError("output/failed", `cannot make the folder ${path}: ${messageOf(error)}`, {
        hint: "name another folder with --dir, or fix what prevents it",
        cause: error,
      });
    });
    return !there;
  },
  async markStore(store, { keys, snapshotKey, at }) {
    const marker = { store: randomBytes(16).toString("hex"), createdAt: at };
    const trusted = { snapshot: [snapshotKey], audit: [], bundle: [] };
    return markPlace(new DirectoryBlobStore(store, randomBytes), await newMarker(new LocalKeyRing(keys), trusted, marker));
  },
  isReadable: (path) =>
    access(path, constants.R_OK).then(
      () => true,
      () => false,
    ),
  remove: (path) => rm(path, { recursive: true, force: true }),
};
