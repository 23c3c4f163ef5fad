import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { openDebugLog } from "../../../shared/debug-log.ts";
import { openClient as openKms } from "../../../shared/keys/kms/client.ts";
import { openClient as openS3 } from "../../../shared/store/s3/client.ts";
import { DEFAULT_PACE } from "../../../shared/store/s3/settings.ts";
import { S3BlobStore } from "../../../shared/store/s3/s3-store.ts";
import { systemClock } from "../../../shared/system-clock.ts";
import { traceAws } from "../../../shared/wire/debug/aws.ts";
import { DecryptCommand } from "@aws-sdk/client-kms";
import { failureOf } from "../../support/blobs.ts";

const SECRET = "s3cret-Wort9";
const lines: string[] = [];
const debug = openDebugLog((kind, line) => lines.push(`${kind}: ${line}`));

/** A service that gives these answers, one after the other, and then the last for ever. */
async function serviceOf(
  answers: readonly { readonly status: number; readonly body: string }[],
): Promise<{ url: string } & AsyncDisposable> {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume();
    const { status, body } = answers[Math.min(asked, answers.length - 1)] ?? { status: 500, body: "" };
    asked += 1;
    response.writeHead(status, { "x-amzn-requestid": `id-${asked}`, "x-amz-request-id": `id-${asked}` }).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

const credentials = { accessKeyId: "AKIATEST", secretAccessKey: SECRET };

test("each try of a request to KMS is told, with its status, its id and what it waited for, and no ciphertext", async () => {
  lines.length = 0;
  await using service = await serviceOf([
    { status: 500, body: "{}" },
    { status: 400, body: `{"__type":"AccessDeniedException","message":"no: Authorization: Bearer ${SECRET}"}` },
  ]);
  const client = openKms({ endpoint: service.url }, "eu-central-1");
  client.config.credentials = () => Promise.resolve(credentials);
  traceAws(debug, systemClock)(client);
  const ciphertext = Buffer.from(`sealed ${SECRET}`);
  await failureOf(client.send(new DecryptCommand({ KeyId: "alias/wrap", CiphertextBlob: ciphertext, EncryptionContext: { c: SECRET } })));
  expect(lines).toEqual([
    expect.stringMatching(/^aws: KMS Decrypt KeyId alias\/wrap: status 500, .*, \d+ ms, try 1(?: of 5)?, request id-1$/),
    expect.stringMatching(/^retry: KMS Decrypt KeyId alias\/wrap: try 2 after \d+ ms, because of /),
    expect.stringMatching(
      /^aws: KMS Decrypt KeyId alias\/wrap: status 400, AccessDeniedException: .*\*\*\*, \d+ ms, try 2 of 5, request id-2$/,
    ),
  ]);
  expect(lines.join("\n")).not.toContain(SECRET);
  expect(lines.join("\n")).not.toContain(ciphertext.toString("base64"));
});

test("requests to S3 and our own retries of them are told", async () => {
  lines.length = 0;
  await using service = await serviceOf([
    { status: 503, body: "<Error><Code>SlowDown</Code><Message>slower</Message></Error>" },
    { status: 404, body: "" },
  ]);
  const settings = { bucket: "vault", prefix: "", region: "eu-central-1", endpoint: service.url, pathStyle: true };
  const pace = { ...DEFAULT_PACE, pauseMs: 1, onRetry: (text: string) => debug.log("retry", text) };
  const client = openS3(settings, pace, () => Promise.resolve(credentials));
  traceAws(debug, systemClock)(client);
  const store = new S3BlobStore(settings, systemClock, (bytes) => new Uint8Array(bytes), pace, client);
  expect(await store.head("a/1")).toBeUndefined();
  expect(lines).toEqual([
    expect.stringMatching(/^aws: S3 HeadObject Bucket vault, Key a\/1: status 503, .*, \d+ ms, try 1.*$/),
    expect.stringMatching(/^retry: .*a\/1 in .*: try 2 in 1 ms, because of /),
    expect.stringMatching(/^aws: S3 HeadObject Bucket vault, Key a\/1: status 404, .* ms, try 1.*$/),
  ]);
  expect(lines.join("\n")).not.toContain(SECRET);
});
