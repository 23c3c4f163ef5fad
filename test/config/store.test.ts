import { expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { failureOf } from "../support/blobs.ts";

function storeOf(store: string): unknown {
  const text = `version: 1\nstore: ${store}\nkeys: { kind: local, path: ./keys }\nclusters: {}\n`;
  return parseConfig(text, "lifeboat.yaml").store;
}

async function refusal(store: string): Promise<string> {
  const failure = await failureOf((async () => storeOf(store))());
  expect(failure).toMatchObject({ code: "config/invalid" });
  return failure.message;
}

test("a store in S3 needs a bucket and a region", () => {
  expect(storeOf("{ kind: s3, bucket: my-backups, region: eu-central-1 }")).toEqual({
    kind: "s3",
    bucket: "my-backups",
    region: "eu-central-1",
    prefix: "",
    pathStyle: false,
  });
});

test("a store in S3 takes all that it can be told", () => {
  const all =
    '{ kind: s3, bucket: b.1, region: us-east-1, prefix: a/b, endpoint: "https://s3.example:9000", pathStyle: true, profile: backups, expectedBucketOwner: "012345678901", sse: { kmsKey: alias/k }, lock: { mode: compliance, days: 14 } }';
  expect(storeOf(all)).toEqual({
    kind: "s3",
    bucket: "b.1",
    region: "us-east-1",
    prefix: "a/b/",
    endpoint: "https://s3.example:9000",
    pathStyle: true,
    profile: "backups",
    expectedBucketOwner: "012345678901",
    sse: { kmsKey: "alias/k" },
    lock: { mode: "compliance", days: 14 },
  });
  expect(storeOf("{ kind: s3, bucket: abc, region: us-east-1, prefix: a/ }")).toMatchObject({ prefix: "a/" });
});

test.each([
  [
    "{ kind: tape }",
    "lifeboat.yaml:2: store.kind: expected { kind: directory, path: ./vault } or { kind: s3, bucket: ..., region: ... }, or { kind: kopia, repository: ..., manifests: ... }",
  ],
  ["{ kind: s3, bucket: abc }", "store.region: expected a region such as eu-central-1"],
  ["{ kind: s3, bucket: s3://abc, region: r-1 }", "store.bucket: expected a bucket's name"],
  ["{ kind: s3, bucket: abc, region: r-1, prefix: /a }", 'store.prefix: "/a" is not a prefix such as backups/etcd'],
  [
    "{ kind: s3, bucket: abc, region: r-1, endpoint: 'https://key:secret@host' }",
    "store.endpoint: expected the address of an S3-compatible store",
  ],
  [
    "{ kind: s3, bucket: abc, region: r-1, endpoint: 'https://:secret@host' }",
    "store.endpoint: expected the address of an S3-compatible store",
  ],
  ["{ kind: s3, bucket: abc, region: r-1, expectedBucketOwner: '12' }", "store.expectedBucketOwner: expected an account's twelve digits"],
  ["{ kind: s3, bucket: abc, region: r-1, lock: { mode: none, days: 1 } }", "store.lock.mode: expected governance or compliance"],
  ["{ kind: s3, bucket: abc, region: r-1, lock: { mode: governance, days: 0 } }", "store.lock.days: "],
  ["{ kind: s3, bucket: abc, region: r-1, pathstyle: true }", 'unknown setting "pathstyle"; did you mean "pathStyle"?'],
])("%s is refused, naming the setting", async (store, message) => {
  expect(await refusal(store)).toContain(message);
  expect(await refusal(store)).not.toContain("secret");
});
