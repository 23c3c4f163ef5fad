import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { CreateBucketCommand, DeleteObjectCommand, PutObjectLegalHoldCommand, S3Client } from "@aws-sdk/client-s3";
import { systemClock } from "../../../shared/system-clock.ts";
import { openClient } from "../../../shared/store/s3/client.ts";
import { S3BlobStore } from "../../../shared/store/s3/s3-store.ts";
import { DEFAULT_PACE, type S3Pace, type S3Settings } from "../../../shared/store/s3/settings.ts";
import { until } from "../../../tools/lab/until.ts";
import type { StoreUnderTest } from "../../contract/blob-store.ts";
import type { VersionsUnderTest } from "../../contract/blob-versions.ts";

/** An S3 server that a test may use, and its owner's credentials. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Small parts, so that a few MiB are many of them; 5 MiB is the smallest that S3 takes. */
export const SMALL_PARTS: S3Pace = { ...DEFAULT_PACE, pauseMs: 5, partBytes: 5 * 1024 * 1024, inFlight: 2 };

export interface OpenedStore {
  readonly store: S3BlobStore;
  /** Answers to reads that were neither taken whole nor closed. */
  readonly openReads: () => number;
  readonly close: () => void;
}

/** A store on a bucket of `server`, whose reads can be counted. */
export function openStore(
  server: S3Server,
  bucket: string,
  settings: Partial<S3Settings> = {},
  pace: Partial<S3Pace> = {},
  pageKeys?: number,
): OpenedStore {
  const all: S3Settings = { bucket, prefix: "", region: server.region, endpoint: server.endpoint, pathStyle: true, ...settings };
  const paced = { ...SMALL_PARTS, ...pace };
  const client = openClient(all, paced, () => Promise.resolve(server.credentials));
  let open = 0;
  if (pageKeys !== undefined)
    client.middlewareStack.add(
      (next, { commandName = "" }) =>
        (args) =>
          next(commandName.startsWith("ListObject") ? { ...args, input: { MaxKeys: pageKeys, ...args.input } } : args),
      { step: "initialize" },
    );
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { response } = result;
        if (commandName === "GetObjectCommand" && hasBody(response)) {
          open += 1;
          response.body.once("close", () => (open -= 1));
        }
        return result;
      },
    { step: "deserialize" },
  );
  return {
    store: new S3BlobStore(all, systemClock, (bytes) => randomBytes(bytes), paced, client),
    openReads: () => open,
    close: () => client.destroy(),
  };
}

/** The SDK types an answer as unknown, since other transports than HTTP are thinkable. */
function hasBody(response: unknown): response is { readonly body: Readable } {
  return typeof response === "object" && response !== null && "body" in response && response.body instanceof Readable;
}

/** A client as the server's owner. */
export function ownerOf(server: S3Server): S3Client {
  return new S3Client({ endpoint: server.endpoint, region: server.region, credentials: server.credentials, forcePathStyle: true });
}

/** So few names come in one answer, that a suite sees several. */
const PAGE_KEYS = 20;

/** A store for the contract's suite of versions, on an empty bucket with Object Lock. */
export function versionsUnderTest(
  server: S3Server,
  bucket: string,
  { minds, ...settings }: Partial<S3Settings> & { readonly minds: boolean },
): VersionsUnderTest {
  const { store, close } = openStore(server, bucket, settings, {}, PAGE_KEYS);
  const owner = ownerOf(server);
  const objectAt = (key: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: (settings.prefix ?? "") + key });
  return {
    store,
    now: () => systemClock.now(),
    async passed(time) {
      // The server's clock is this machine's, but for what it rounds.
      await until(`${time.toISOString()} is past`, 10_000, () => systemClock.now().getTime() > time.getTime() + 100);
    },
    async hide(key) {
      await owner.send(new DeleteObjectCommand(objectAt(key)));
    },
    async hold(key, version, isOn) {
      const LegalHold = { Status: isOn ? ("ON" as const) : ("OFF" as const) };
      await owner.send(new PutObjectLegalHoldCommand({ ...objectAt(key), VersionId: version, LegalHold }));
    },
    async open(url) {
      const answer = await fetch(url);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (!answer.ok && answer.status !== 403) throw new Error(`the address was answered by ${answer.status}`);
      return answer.ok ? bytes : undefined;
    },
    minds,
    close() {
      owner.destroy();
      return Promise.resolve(close());
    },
  };
}

/** A store for the contract's suite, on an empty bucket. */
export function underTest(server: S3Server, bucket: string, settings: Partial<S3Settings> = {}): StoreUnderTest {
  const { store, openReads, close } = openStore(server, bucket, settings, {}, PAGE_KEYS);
  return {
    store,
    async written() {
      let bytes = 0;
      for await (const upload of store.listUnfinished()) bytes += upload.bytes;
      return bytes;
    },
    // Two parts on their way, one that is filled, and a piece of half a MiB.
    aheadBytes: 3 * SMALL_PARTS.partBytes + 512 * 1024,
    unheardBytes: SMALL_PARTS.partBytes,
    async openReads() {
      // A stream that was destroyed says so a turn later.
      await setImmediate();
      return openReads();
    },
    close: () => Promise.resolve(close()),
  };
}

/** A new bucket of `server`, by what every S3 server has. */
export async function makeBucket(server: S3Server, options: { readonly lock?: boolean } = {}): Promise<string> {
  const client = ownerOf(server);
  const Bucket = `b-${randomBytes(6).toString("hex")}`;
  try {
    await client.send(new CreateBucketCommand({ Bucket, ...(options.lock === true ? { ObjectLockEnabledForBucket: true } : {}) }));
    return Bucket;
  } finally {
    client.destroy();
  }
}
