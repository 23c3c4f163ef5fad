import { hostname, userInfo } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openClient } from "../../../shared/cloud/aws/caller-identity.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { actorOf } from "../../../shared/wire/actor.ts";

/** Who acts, as the custody log names them. With a real STS beside: test/e2e/doctor-s3.live.test.ts and roles.live.test.ts. */

beforeEach(() => {
  // The SDK finds its credentials itself.
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(() => vi.unstubAllEnvs());

const local = `${userInfo().username}@${hostname()}`;
const FILES = "{ kind: local, path: ./keys }";
const kmsAt = (endpoint: string): string =>
  `{ kind: kms, wrap: alias/w, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b }, region: eu-central-1, endpoint: "${endpoint}" }`;
const actor = (keys: string, store = "{ kind: directory, path: ./vault }"): Promise<string> =>
  actorOf(parseConfig(`version: 1\nkeys: ${keys}\nstore: ${store}\nclusters: {}\n`, "lifeboat.yaml"))();

test("nothing in AWS: the user and the host", async () => {
  expect(await actor(FILES)).toBe(local);
  expect(await actor(FILES, '{ kind: s3, bucket: vault, region: us-east-1, endpoint: "http://127.0.0.1:1" }')).toBe(local);
});

test("where STS does not answer, that stands beside user and host, and nothing fails", async () => {
  expect(await actor(kmsAt("http://127.0.0.1:1"))).toBe(`${local} (no identity from STS: ECONNREFUSED)`);
});

test("a private endpoint of KMS is not asked for STS, an emulator is", async () => {
  const endpointOf = async (endpoint: string): Promise<string | undefined> => {
    const client = openClient({ region: "eu-central-1", endpoint });
    const found = await client.config.endpoint?.();
    client.destroy();
    return found?.hostname;
  };
  expect(await endpointOf("https://vpce-1.kms.eu-central-1.vpce.amazonaws.com")).toBeUndefined();
  expect(await endpointOf("https://kms.cn-north-1.amazonaws.com.cn")).toBeUndefined();
  expect(await endpointOf("http://127.0.0.1:4566")).toBe("127.0.0.1");
});
