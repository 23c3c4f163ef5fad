import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { partsOfKopiaKey } from "../../documents/layout.ts";
import { objectsOf } from "../../documents/stored.ts";
import type { Progress } from "../../progress.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import type { Replica, RepositoryMirror } from "../../store/replica.ts";
import { readManifest } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { readRepositoryPassword } from "../../vault/repository-password.ts";
import type { FoundPassword } from "../../vault/repository-password.ts";
import type { Vault } from "../../vault/vault.ts";
import { copyDocument } from "./documents.ts";
import type { SentData } from "./objects.ts";

interface RepositoryPorts extends Vault {
  readonly progress: Progress;
}

/** What is said of data that nobody read against the manifest's digest. */
const BY_PROGRAM = "the repository was copied as a whole, and its program found all of the snapshot there; lifeboat did not read it";

/**
 * Copies the whole repository of the store, the snapshot with it, then the repository's password as it is wrapped now, and has the copy checked. Nothing is sent to a replica of another repository
 * (`store/other`), nor where the copy would then lose what the store lost: `verify/missing`.
 */
export async function copyRepository(
  ports: RepositoryPorts,
  found: FoundManifest,
  replica: Replica,
  mirror: RepositoryMirror,
  signal: AbortSignal | undefined,
): Promise<SentData> {
  const { cluster, id, stored } = found.manifest;
  const step = (): void => throwIfAborted(`the copy of ${cluster}/${id}`, signal);
  const password = await readRepositoryPassword(ports, signal);
  if (password === undefined)
    throw new LifeboatError("store/missing", `there is no password of a Kopia repository in ${ports.blobs.location}`, {
      hint: "without it nobody opens the repository: bring the folder kopia/ back from a copy",
    });
  const there = await readRepositoryPassword({ blobs: replica.blobs, trusted: ports.trusted }, signal);
  if (there !== undefined) requireSameStore(password, there, replica);
  const [object] = objectsOf(stored);
  let wasThere = false;
  if (there !== undefined) {
    const { inStore, here } = await mirror.list();
    step();
    for (const key of here) if (!inStore.has(key)) await requireRemoved(ports, key, replica);
    wasThere = object !== undefined && here.has(object.key);
  }
  step();
  ports.progress.phase(`copy to ${replica.name}`);
  // Once the password is there, so was the repository: what is empty now is a disk that is not mounted.
  await mirror.copy({ mustExist: there !== undefined }, signal);
  step();
  const { copied, conflict } = await copyDocument({ from: ports.blobs, to: replica.blobs, key: password.key, signal });
  await mirror.check(stored, signal);
  return {
    wasSent: !wasThere,
    subjects: object === undefined ? [] : [{ key: object.key }],
    reason: BY_PROGRAM,
    documents: copied ? 1 : 0,
    conflicts: conflict === undefined ? [] : [`${conflict}: the replica's password is wrapped in another way`],
  };
}

function requireSameStore(own: FoundPassword, there: FoundPassword, { name, blobs }: Replica): void {
  if (own.document.store === there.document.store) return;
  throw new LifeboatError("store/other", `the replica ${name} (${blobs.location}) has the password of another Kopia repository`, {
    hint: "give the replica of each store a place of its own for its repository and its manifests",
  });
}

/** What the store's repository deleted goes from the copy as well. That is as it should be for what retention removed, manifest and all; where the manifest stands, the copy may be all that is left. */
async function requireRemoved(vault: Vault, key: string, { name }: Replica): Promise<void> {
  const parts = partsOfKopiaKey(key);
  if (parts === undefined) return;
  const { cluster, id } = parts;
  try {
    const { manifest } = await readManifest(vault, cluster, id);
    if (!objectsOf(manifest.stored).some((object) => object.key === key)) return;
  } catch (error) {
    if (isLifeboatError(error, "verify/missing")) return;
    throw error;
  }
  throw new LifeboatError(
    "verify/missing",
    `${cluster}/${id} is in no Kopia repository but that of the replica ${name}, and would go from there with the next copy: nothing was copied`,
    {
      hint: `find out who deleted it in Kopia; lifeboat export ${cluster}/${id} --from ${name} --out snapshot.db saves it, and copies go on when lifeboat prune has removed its manifest`,
    },
  );
}
