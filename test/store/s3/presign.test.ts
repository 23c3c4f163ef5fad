import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../../shared/system-clock.ts";
import { openClient } from "../../../shared/store/s3/client.ts";
import { S3BlobStore } from "../../../shared/store/s3/s3-store.ts";
import { DEFAULT_PACE } from "../../../shared/store/s3/settings.ts";
import type { S3Settings } from "../../../shared/store/s3/settings.ts";

/** Addresses are signed without asking anybody. */

const KEYS = { accessKeyId: "AKIATESTTESTTEST", secretAccessKey: "a-secret-that-is-none" };
const later = (ms: number): Date => new Date(systemClock.now().getTime() + ms);
const HOUR_MS = 3_600_000;

function storeWith(
  credentials: typeof KEYS & { sessionToken?: string; expiration?: Date },
  settings: Partial<S3Settings> = {},
): S3BlobStore {
  const all = { bucket: "backups", prefix: "etcd/", region: "eu-central-1", pathStyle: false, ...settings };
  const client = openClient(all, DEFAULT_PACE, () => Promise.resolve(credentials));
  return new S3BlobStore(all, systemClock, (bytes) => randomBytes(bytes), DEFAULT_PACE, client);
}

test("an address names bucket, key and version as AWS does, and nothing of the account", async () => {
  const store = storeWith(KEYS, { expectedBucketOwner: "123456789012" });
  const signed = await store.presign("bundles/prod/a@1.tar", { version: "v+1", until: later(HOUR_MS) });
  const url = new URL(signed?.url ?? "");
  expect(`${url.origin}${url.pathname}`).toBe("https://backups.s3.eu-central-1.amazonaws.com/etcd/bundles/prod/a%401.tar");
  const { "X-Amz-Signature": signature, "X-Amz-Date": date, ...query } = Object.fromEntries(url.searchParams);
  expect(signature).toMatch(/^[0-9a-f]{64}$/);
  expect(query).toEqual({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `AKIATESTTESTTEST/${date?.slice(0, 8)}/eu-central-1/s3/aws4_request`,
    "X-Amz-Expires": expect.stringMatching(/^3(?:59\d|600)$/) as unknown,
    "X-Amz-SignedHeaders": "host",
    versionId: "v+1",
  });
  expect(url.href).not.toContain(KEYS.secretAccessKey);
});

test("an address ends with the credentials that sign it, and after seven days at the latest", async () => {
  const until = later(30 * 24 * HOUR_MS);
  const lasting = await storeWith(KEYS).presign("k", { until });
  expect(Math.abs((lasting?.until.getTime() ?? 0) - later(7 * 24 * HOUR_MS).getTime())).toBeLessThan(5000);
  expect(new URL(lasting?.url ?? "").searchParams.get("X-Amz-Expires")).toBe("604800");
  const expiration = later(HOUR_MS);
  const session = await storeWith({ ...KEYS, sessionToken: "to/ken", expiration }).presign("k", { until });
  expect(Math.abs((session?.until.getTime() ?? 0) - expiration.getTime())).toBeLessThan(2000);
  expect(session?.until.getTime()).toBeLessThanOrEqual(expiration.getTime());
  expect(session?.mayEndSooner).toBe(false);
  expect(new URL(session?.url ?? "").searchParams.get("X-Amz-Security-Token")).toBe("to/ken");
});

test("where a session does not say when it ends, the address says so", async () => {
  const signed = await storeWith({ ...KEYS, sessionToken: "token" }).presign("k", { until: later(HOUR_MS) });
  expect(signed?.mayEndSooner).toBe(true);
});

test("a store of another maker is asked by its own address", async () => {
  const store = storeWith(KEYS, { endpoint: "http://127.0.0.1:9000", pathStyle: true, prefix: "" });
  const signed = await store.presign("k", { until: later(HOUR_MS) });
  expect(signed?.url).toMatch(/^http:\/\/127\.0\.0\.1:9000\/backups\/k\?X-Amz-Algorithm=/);
});
