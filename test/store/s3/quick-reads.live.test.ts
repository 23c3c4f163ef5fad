import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openClient } from "../../../shared/store/s3/client.ts";
import { QuickReads } from "../../../shared/store/s3/quick-reads.ts";
import { DEFAULT_PACE } from "../../../shared/store/s3/settings.ts";

const seen: IncomingMessage[] = [];
let answer: (response: ServerResponse) => void;
const server = createServer((request, response) => {
  seen.push(request);
  answer(response);
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  seen.length = 0;
  answer = (response) => response.writeHead(200, { etag: '"e"', "content-length": "4" }).end("text");
});

const WHERE = { Bucket: "bucket", ExpectedBucketOwner: "123456789012" };

function open(region = "us-east-1", bucket = WHERE): { reads: QuickReads; client: ReturnType<typeof openClient> } {
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo;
  const settings = { bucket: bucket.Bucket, prefix: "", region, endpoint: `http://127.0.0.1:${port}`, pathStyle: true };
  const client = openClient(settings, DEFAULT_PACE, () =>
    Promise.resolve({ accessKeyId: "id", secretAccessKey: "secret", sessionToken: "session" }),
  );
  return { client, reads: new QuickReads(client, bucket) };
}

test("sends what the SDK would send, but for what is of one request alone", async () => {
  const { client, reads } = open();
  const key = "a prefix/clusters/prod/snapshots/x@1.json";
  const quick = await reads.get(key, undefined);
  expect(await text(quick?.Body as Readable)).toBe("text");
  expect(quick).toMatchObject({ ETag: '"e"', ContentLength: 4 });
  const slow = await client.send(new GetObjectCommand({ ...WHERE, Key: key }));
  await text(slow.Body as Readable);
  const [ours, theirs] = seen;
  expect(ours?.url).toBe(theirs?.url);
  const lasting = ({ headers }: IncomingMessage): object =>
    Object.fromEntries(
      Object.entries(headers).filter(([name]) => !["authorization", "x-amz-date", "amz-sdk-invocation-id"].includes(name)),
    );
  expect(lasting(ours as IncomingMessage)).toEqual(lasting(theirs as IncomingMessage));
  expect(lasting(ours as IncomingMessage)).toMatchObject({
    "x-amz-security-token": "session",
    "x-amz-expected-bucket-owner": "123456789012",
  });
  client.destroy();
});

test("what is no success the SDK reads, from the answer that came", async () => {
  const { client, reads } = open();
  answer = (response) =>
    response.writeHead(404, { "content-type": "application/xml" }).end("<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>");
  await expect(reads.get("k", undefined)).rejects.toMatchObject({ name: "NoSuchKey", message: "gone", $metadata: { httpStatusCode: 404 } });
  expect(seen.length).toBe(1);
  client.destroy();
});

test("a clock that is off is set by the answer", async () => {
  const { client, reads } = open();
  const ahead = new Date(Date.now() + 3_600_000);
  answer = (response) =>
    response
      .writeHead(403, { date: ahead.toUTCString(), "content-type": "application/xml" })
      .end("<Error><Code>RequestTimeTooSkewed</Code><Message>late</Message></Error>");
  await expect(reads.get("k", undefined)).rejects.toMatchObject({ name: "RequestTimeTooSkewed" });
  answer = (response) => response.writeHead(200, { "content-length": "0" }).end();
  await reads.get("k", undefined);
  const [early, late] = seen.map(({ headers }) => String(headers["x-amz-date"]));
  expect(Number(late?.slice(9, 11))).not.toBe(Number(early?.slice(9, 11)));
  client.destroy();
});

test("is told to what others added to the client, and sends nothing without credentials", async () => {
  const { client, reads } = open();
  const told: string[] = [];
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        told.push(commandName);
        return next(args);
      },
    { step: "deserialize", name: "told" },
  );
  const read = await reads.get("k", undefined);
  await text(read?.Body as Readable);
  expect(told).toEqual(["GetObjectCommand"]);
  client.destroy();
  const broken = openClient(
    { bucket: "bucket", prefix: "", region: "us-east-1", endpoint: "http://127.0.0.1:1", pathStyle: true },
    DEFAULT_PACE,
    () => Promise.reject(new Error("no credentials")),
  );
  const none = new QuickReads(broken, WHERE);
  for (let time = 0; time < 2; time++) await expect(none.get("k", undefined)).rejects.toThrow("no credentials");
  broken.destroy();
});

test("leaves directory buckets, whose requests have sessions, to the SDK", async () => {
  const client = openClient({ bucket: "b--use1-az4--x-s3", prefix: "", region: "us-east-1", pathStyle: false }, DEFAULT_PACE, () =>
    Promise.resolve({ accessKeyId: "id", secretAccessKey: "secret" }),
  );
  // Its session would be asked for at AWS.
  client.config.disableS3ExpressSessionAuth = () => Promise.resolve(true);
  const reads = new QuickReads(client, { Bucket: "b--use1-az4--x-s3" });
  expect(await reads.get("k", undefined)).toBeUndefined();
  client.destroy();
});
