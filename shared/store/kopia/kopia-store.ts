import { inBlocks } from "../../blocks.ts";
import type { Block } from "../../blocks.ts";
import type { RandomBytes } from "../../clock.ts";
import type { KopiaObject, Stored } from "../../documents/stored.ts";
import { LifeboatError } from "../../errors.ts";
import { identityText } from "../../keys/identity-text.ts";
import { encryptSmall, newIdentity } from "../../seal/age.ts";
import { checkRecipients } from "../../seal/age-recipients.ts";
import { seal } from "../../seal/seal.ts";
import { interrupted, throwIfAborted } from "../body-reader.ts";
import type { OpenOptions, PendingSnapshot, SealedCopy, SnapshotName, SnapshotStore } from "../snapshot-store.ts";
import { DAMAGED, ObjectDigest, requireOwnData } from "../stored-object.ts";
import { opensToMore, tooLarge } from "../size-errors.ts";
import { BlockSource } from "./block-source.ts";
import { OWN_PIN, removeSnapshot, SNAPSHOT_FILE, sourceOf, tagsOf } from "./kopia-snapshots.ts";
import type { Run } from "./kopia-snapshots.ts";
import { findListed, kopiaOnly, requireListed } from "./listed-snapshot.ts";
import { pendingOf } from "./pending-snapshot.ts";
import type { Kopia, KopiaUpload } from "./program/kopia.ts";

export interface KopiaStoreOptions {
  /** The repository, opened by the key ring. Asked once, when it is first needed. */
  readonly open: () => Promise<Kopia>;
  /** The same by break-glass identities: `keys/no-match` where they do not open its password. The caller disposes of it. */
  readonly openWith: (identities: readonly string[]) => Promise<Kopia>;
  readonly randomBytes: RandomBytes;
  /** The most bytes that a snapshot may have, in and out. */
  readonly maxBytes?: number;
}

/** Snapshots in a Kopia repository, as etcd sent them: Kopia cuts, deduplicates, compresses and encrypts. docs/format.md, "`stored` of kind `kopia`". */
export class KopiaStore implements SnapshotStore {
  readonly #options: KopiaStoreOptions;
  #uniqueId: Promise<string> | undefined;

  constructor(options: KopiaStoreOptions) {
    this.#options = options;
  }

  async save(name: SnapshotName, plaintext: AsyncIterable<Block>, signal?: AbortSignal): Promise<PendingSnapshot> {
    const blocks = plaintext[Symbol.asyncIterator]();
    const run: Run = { ...name, run: Buffer.from(this.#options.randomBytes(4)).toString("hex") };
    let upload: KopiaUpload | undefined;
    const source = new BlockSource(blocks, `the backup of ${name.cluster}`, signal);
    try {
      throwIfAborted(`the backup of ${name.cluster}`, signal);
      const kopia = await this.#options.open();
      // Beside the upload: each run of kopia derives the repository's key anew, for some tenths of a second.
      const uniqueId = (this.#uniqueId ??= uniqueIdOf(kopia));
      uniqueId.catch(() => (this.#uniqueId = undefined));
      upload = await kopia.snapshotCreate({ source: sourceOf(name.cluster), file: SNAPSHOT_FILE, tags: tagsOf(run) }, signal);
      await this.#feed(name, source, upload);
      return pendingOf(kopia, upload, { run, repository: await uniqueId }, signal);
    } catch (error) {
      await upload?.kill();
      await source.close();
      throw signal?.aborted === true ? interrupted(`the backup of ${name.cluster}`, signal) : error;
    }
  }

  /** Feeds all of the source to kopia, whose end of input is not said yet. */
  async #feed(name: SnapshotName, source: BlockSource, upload: KopiaUpload): Promise<void> {
    const { maxBytes = Infinity } = this.#options;
    let bytes = 0;
    for (let block = await source.next(); block !== undefined; block = await source.next()) {
      bytes += block.bytes.length;
      if (bytes > maxBytes) {
        block.release();
        // What nobody would open again is not stored.
        throw tooLarge(name, "more came", maxBytes, "config/invalid");
      }
      await upload.write(block);
    }
  }

  async *open(name: SnapshotName, stored: Stored, options: OpenOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const object = kopiaOnly(stored);
    const { maxBytes = Infinity } = this.#options;
    if (options.bytes > maxBytes)
      throw tooLarge(name, `its manifest says that it opens to ${options.bytes} bytes`, maxBytes, "verify/size");
    requireOwnData(name, object.key);
    if (options.identities === undefined) {
      yield* this.#read(await this.#options.open(), name, object, options);
      return;
    }
    await using kopia = await this.#options.openWith(options.identities);
    yield* this.#read(kopia, name, object, options);
  }

  async *#read(
    kopia: Kopia,
    name: SnapshotName,
    object: KopiaObject,
    { bytes, signal }: OpenOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const what = `opening ${name.cluster}/${name.id}`;
    const [root = "", file = ""] = object.object.split("/");
    const digest = new ObjectDigest("no crc");
    const refuse = (said: number | string): LifeboatError =>
      new LifeboatError("verify/size", `${object.key} in ${kopia.location} has ${said} bytes; its manifest says ${object.bytes}`, {
        hint: DAMAGED,
      });
    throwIfAborted(what, signal);
    await requireListed(kopia, object);
    for await (const chunk of kopia.show(root, file, signal)) {
      digest.add(chunk);
      if (digest.bytes > object.bytes) throw refuse(`more than ${object.bytes}`);
      if (digest.bytes > bytes) throw opensToMore(name, bytes);
      yield chunk;
      throwIfAborted(what, signal);
    }
    const actual = digest.finish();
    if (actual.bytes !== object.bytes) throw refuse(actual.bytes);
    if (actual.sha256 !== object.sha256)
      throw new LifeboatError(
        "verify/digest",
        `${object.key} in ${kopia.location} has digest ${actual.sha256}; its manifest says ${object.sha256}`,
        { hint: DAMAGED },
      );
  }

  async sealedCopy(name: SnapshotName, stored: Stored, options: OpenOptions): Promise<SealedCopy> {
    kopiaOnly(stored);
    const { identity, recipient } = await newIdentity();
    return {
      bytes: seal(inBlocks(this.open(name, stored, options)), [recipient]),
      addressTo: async (recipients) => {
        checkRecipients(recipients);
        return encryptSmall(recipients, Buffer.from(identityText(identity, { cluster: name.cluster, snapshot: name.id })));
      },
    };
  }

  addressTo(name: SnapshotName, stored: Stored): Promise<Uint8Array> {
    kopiaOnly(stored);
    return Promise.reject(
      new LifeboatError(
        "config/invalid",
        `${name.cluster}/${name.id} is in a Kopia repository, and has no identity of its own to give to anybody`,
        {
          hint: `lifeboat export ${name.cluster}/${name.id} --out snapshot.db writes it to a file for etcdutl snapshot restore`,
        },
      ),
    );
  }

  async check(stored: Stored, signal?: AbortSignal): Promise<void> {
    const object = kopiaOnly(stored);
    throwIfAborted("the check", signal);
    await requireListed(await this.#options.open(), object);
  }

  /** `kopia snapshot verify`. The bytes were read by `open`, and held against their digest: they are not read once more. */
  async checkBeside(stored: Stored, signal?: AbortSignal): Promise<void> {
    const kopia = await this.#options.open();
    const { id } = await requireListed(kopia, kopiaOnly(stored));
    await kopia.verify([id], "no file", signal);
  }

  async remove(name: SnapshotName, stored: Stored): Promise<void> {
    const object = kopiaOnly(stored);
    requireOwnData(name, object.key);
    const kopia = await this.#options.open();
    for (const each of await findListed(kopia, object)) await removeSnapshot(kopia, each);
  }

  /** Pinning gives a snapshot a new id, and so does unpinning: what the manifest names of it, its object and its tags, stays. */
  async hold(name: SnapshotName, stored: Stored, isHeld: boolean): Promise<void> {
    const object = kopiaOnly(stored);
    requireOwnData(name, object.key);
    const kopia = await this.#options.open();
    for (const { id, pins } of await findListed(kopia, object)) {
      if (pins.includes(OWN_PIN) === isHeld) continue;
      await (isHeld ? kopia.pin(id, OWN_PIN) : kopia.unpin(id, OWN_PIN));
    }
  }
}

async function uniqueIdOf(kopia: Kopia): Promise<string> {
  return (await kopia.status()).uniqueId;
}
