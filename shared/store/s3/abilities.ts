import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from "@aws-sdk/client-s3";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { PutReceipt } from "../blob-store.ts";
import { versionOf, type Bucket } from "./bucket.ts";
import { faultOf, isMissing, isNoSuchUpload, isPreconditionFailed } from "./errors.ts";
import { retentionOf } from "./locks.ts";
import type { PutAttempt } from "./put-attempt.ts";

/** What a store said that it does, and does not: each is looked at once in the life of a process, at the first put that relies on it. */
export class Abilities {
  readonly #bucket: Bucket;
  #encrypts: Promise<void> | undefined;
  #locks: Promise<void> | undefined;
  #heedsConditions: Promise<void> | undefined;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Before the first byte is taken. Throws `store/failed` where the store would not encrypt or lock as the configuration says. */
  async beforePut(put: PutAttempt): Promise<void> {
    const { sse, lock } = this.#bucket.settings;
    if (sse !== undefined) await (this.#encrypts ??= this.#requireEncryption(put).catch(forgetting(() => (this.#encrypts = undefined))));
    if (lock !== undefined) await (this.#locks ??= this.#requireLock().catch(forgetting(() => (this.#locks = undefined))));
  }

  /** After a put that succeeded. Throws `store/failed` where the store let it replace what was there, or did not lock it. */
  async afterPut(put: PutAttempt, receipt: PutReceipt): Promise<void> {
    if (put.ifAbsent)
      await (this.#heedsConditions ??= this.#requireConditions(put).catch(forgetting(() => (this.#heedsConditions = undefined))));
    if (this.#bucket.settings.lock !== undefined) await this.#requireRetention(put, receipt);
  }

  /** A refusal for what is there already is the proof that conditions are heeded. */
  sawCondition(): void {
    this.#heedsConditions ??= Promise.resolve();
  }

  /** An upload that is begun and thrown away leaves nothing, and its answer says how its object would have been encrypted. */
  async #requireEncryption(put: PutAttempt): Promise<void> {
    const { client, retry, where, location } = this.#bucket;
    const { IfNoneMatch: _, ...target } = put.target;
    const doing = `check whether ${location} encrypts`;
    const begin = new CreateMultipartUploadCommand({ ...target, ...put.properties });
    const begun = await retry.call(doing, (abortSignal) => client.send(begin, { abortSignal }));
    const end = new AbortMultipartUploadCommand({ ...where, Key: target.Key, UploadId: begun.UploadId });
    await retry.call(doing, (abortSignal) => client.send(end, { abortSignal }), { except: isNoSuchUpload }).catch(passOver(isNoSuchUpload));
    if (begun.ServerSideEncryption === "aws:kms") return;
    throw new LifeboatError("store/failed", `${location} does not encrypt by KMS, which store.sse in the configuration asks for`, {
      hint: "take store.sse out for a store that has no KMS: snapshots are encrypted before they leave this machine in any case",
    });
  }

  async #requireLock(): Promise<void> {
    const { client, retry, where, location } = this.#bucket;
    const command = new GetObjectLockConfigurationCommand(where);
    const hasNone = (error: unknown): boolean =>
      ["ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"].includes(faultOf(error).name) || isMissing(error);
    try {
      const answer = await retry.call("read the lock configuration", (abortSignal) => client.send(command, { abortSignal }), {
        except: hasNone,
      });
      if (answer.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled") return;
    } catch (error) {
      // A role that may not read it finds out by the retention of what it puts.
      if (isLifeboatError(error, "store/denied")) return;
      if (!hasNone(error)) throw error;
    }
    throw new LifeboatError("store/failed", `${location} has no Object Lock, which store.lock in the configuration asks for`, {
      hint: "make a bucket with Object Lock (and so with versions), or take store.lock out of the configuration",
    });
  }

  /** Some stores take a retention with an upload and forget it: it is then set by itself. */
  async #requireRetention(put: PutAttempt, { version }: PutReceipt): Promise<void> {
    const { client, retry, where, clock } = this.#bucket;
    try {
      const retention = await retentionOf(this.#bucket, put.key, { version });
      if (retention?.RetainUntilDate !== undefined && retention.RetainUntilDate > clock.now()) return;
    } catch (error) {
      // It was sent with the put, and a bucket with Object Lock was there.
      if (isLifeboatError(error, "store/denied")) return;
      throw error;
    }
    const object = { ...where, Key: put.target.Key, ...(version === undefined ? {} : { VersionId: version }) };
    const { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate } = put.properties;
    const write = new PutObjectRetentionCommand({ ...object, Retention: { Mode, RetainUntilDate } });
    await retry.call(`lock ${put.key}`, (abortSignal) => client.send(write, { abortSignal }));
  }

  /**
   * Asked for the same key once more, the store must refuse. One that does not has let an empty object replace what this put has just brought, which nothing names yet: it is
   * taken away, and the store is of no use, since two backups could take one slot.
   */
  async #requireConditions(put: PutAttempt): Promise<void> {
    const { client, retry, where, location } = this.#bucket;
    const again = new PutObjectCommand({ ...put.target, ...put.properties, Body: new Uint8Array(), ContentLength: 0 });
    const doing = `check whether ${location} heeds If-None-Match`;
    try {
      const answer = await retry.call(doing, (abortSignal) => client.send(again, { abortSignal }), { except: isPreconditionFailed });
      const { version } = versionOf(answer);
      const remove = new DeleteObjectCommand({ ...where, Key: put.target.Key, ...(version === undefined ? {} : { VersionId: version }) });
      await retry.call(doing, (abortSignal) => client.send(remove, { abortSignal }), { attempts: 1 }).catch(() => undefined);
    } catch (error) {
      if (isPreconditionFailed(error)) return;
      throw error;
    }
    throw new LifeboatError("store/failed", `${location} ignores If-None-Match: two backups could take one slot there`, {
      hint: "use a store that has conditional writes, as S3 does, or a newer release of this one",
    });
  }
}

/** What was not found out is asked again at the next put. */
function forgetting(forget: () => void): (error: unknown) => never {
  return (error) => {
    forget();
    throw error;
  };
}

function passOver(expected: (error: unknown) => boolean): (error: unknown) => void {
  return (error) => {
    if (!expected(error)) throw error;
  };
}
