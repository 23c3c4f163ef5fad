import { describe, expect, test } from "vitest";
import { judgeBucket } from "../../../shared/jobs/doctor/judge-bucket.ts";
import type { DoctorFinding } from "../../../shared/jobs/doctor/finding.ts";
import type { BucketFacts, LifecycleRule } from "../../../shared/store/store-inspector.ts";
import type { Unreadable } from "../../../shared/unreadable.ts";
import { saying } from "../../support/matchers.ts";

const TLS_ONLY = {
  Effect: "Deny",
  Principal: "*",
  Action: "s3:*",
  Resource: ["arn:aws:s3:::vault", "arn:aws:s3:::vault/*"],
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};
const WRITE_ONCE = {
  Effect: "Deny",
  Principal: { AWS: "*" },
  Action: "s3:PutObject",
  Resource: "arn:aws:s3:::vault/*/clusters/*.json",
  Condition: { Null: { "s3:if-none-match": true }, Bool: { "s3:ObjectCreationOperation": "true" } },
};
const ABORTS: LifecycleRule = { id: "uploads", prefix: "etcd/", isNarrowed: false, abortsUploadsAfterDays: 7, removes: [], movesTo: [] };

const policyOf = (...statements: readonly unknown[]): string => JSON.stringify({ Version: "2012-10-17", Statement: statements });

const GOOD: BucketFacts = {
  kind: "bucket",
  bucket: "vault",
  region: "eu-central-1",
  prefix: "etcd/",
  endpoint: undefined,
  namesOwner: true,
  ownLock: undefined,
  versioning: "enabled",
  objectLock: { retention: { mode: "compliance", days: 14 } },
  publicAccessBlock: ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"],
  policy: policyOf(TLS_ONLY, WRITE_ONCE),
  lifecycle: [ABORTS],
  encryption: { algorithm: "AES256", key: undefined },
  ownership: "BucketOwnerEnforced",
};

const judge = (change: Partial<BucketFacts>): readonly DoctorFinding[] => judgeBucket("store", { ...GOOD, ...change });
const codes = (change: Partial<BucketFacts>): readonly string[] => judge(change).map(({ code, severity }) => `${severity} ${code}`);

test("a bucket that is as it should be gives no finding", () => expect(judge({})).toEqual([]));

describe("each thing that is not", () => {
  test.each<[string, Partial<BucketFacts>, readonly string[]]>([
    ["versions", { versioning: "off" }, ["problem versioning-off"]],
    ["versions that were", { versioning: "suspended" }, ["problem versioning-off"]],
    ["Object Lock", { objectLock: undefined }, ["warning lock-off"]],
    ["Object Lock that store.lock needs", { objectLock: undefined, ownLock: { mode: "governance", days: 3 } }, ["problem lock-off"]],
    ["retention", { objectLock: { retention: undefined } }, ["warning lock-without-retention"]],
    ["retention, but of our own", { objectLock: { retention: undefined }, ownLock: { mode: "governance", days: 3 } }, []],
    ["one of four blocks", { publicAccessBlock: ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"] }, ["problem public-access"]],
    ["ownership", { ownership: "ObjectWriter" }, ["warning acls-enabled"]],
    ["encryption at rest", { encryption: undefined }, ["info encryption-off"]],
    ["any policy", { policy: undefined }, ["warning policy-tls", "warning policy-conditional-writes"]],
    ["a policy that can be read", { policy: '{"Statement":7}' }, ["warning policy-unreadable"]],
    ["an account", { namesOwner: false }, ["warning owner-not-named"]],
    ["TLS", { endpoint: "http://s3.example:9000" }, ["warning store-plain-http"]],
    ["TLS on this machine", { endpoint: "http://127.0.0.1:9000" }, ["info store-plain-http"]],
  ])("%s", (_, change, expected) => expect(codes(change)).toEqual(expected));

  test("is told with the command that mends it, for this bucket and endpoint", () => {
    expect(judge({ versioning: "off", endpoint: "https://s3.example:9000" })).toEqual([
      {
        code: "versioning-off",
        severity: "problem",
        subject: "store",
        message: "versioning is off: whoever may write can overwrite every snapshot, and the old bytes are lost",
        fix: "aws s3api put-bucket-versioning --bucket vault --region eu-central-1 --endpoint-url https://s3.example:9000 --versioning-configuration Status=Enabled",
      },
    ]);
    expect(judge({ publicAccessBlock: ["BlockPublicAcls"] })[0]).toMatchObject({
      message: "public access is not fully blocked: IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets are off",
      fix: saying("BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"),
    });
  });
});

describe("the policy", () => {
  /** The findings with `change` made to one of the two statements. */
  const withTls = (change: object): readonly string[] => codes({ policy: policyOf({ ...TLS_ONLY, ...change }, WRITE_ONCE) });
  const withOnce = (change: object): readonly string[] => codes({ policy: policyOf(TLS_ONLY, { ...WRITE_ONCE, ...change }) });

  test("may say the same in other words", () => {
    expect(withTls({ Action: ["s3:Get*", "s3:Put*"], Principal: { AWS: ["*"] } })).toEqual([]);
    expect(withTls({ Action: "*", Resource: "*", Condition: { BoolIfExists: { "AWS:SecureTransport": ["false"] } } })).toEqual([]);
    expect(withTls({ Resource: ["arn:aws-cn:s3:::vault/*"] })).toEqual([]);
    expect(withOnce({ Condition: { Null: { "S3:If-None-Match": "true" } }, Resource: "arn:aws:s3:::vault/etcd/clusters/*" })).toEqual([]);
  });

  test.each<[string, object]>([
    ["allows", { Effect: "Allow" }],
    ["is for one role alone", { Principal: { AWS: "arn:aws:iam::111122223333:role/writer" } }],
    ["is for another bucket", { Resource: "arn:aws:s3:::other/*" }],
    ["is for the bucket and not what is in it", { Resource: "arn:aws:s3:::vault" }],
    ["is for other calls", { Action: "s3:DeleteObject" }],
    [
      "has another condition beside",
      { Condition: { Bool: { "aws:SecureTransport": "false" }, IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } },
    ],
    ["asks the opposite", { Condition: { Bool: { "aws:SecureTransport": "true" } } }],
    ["has no condition", { Condition: {} }],
  ])("does not refuse plain http where its statement %s", (_, change) => expect(withTls(change)).toEqual(["warning policy-tls"]));

  test.each<[string, object]>([
    ["allows", { Effect: "Allow" }],
    ["covers manifests alone", { Resource: "arn:aws:s3:::vault/etcd/clusters/*/snapshots/*" }],
    ["is of another prefix", { Resource: "arn:aws:s3:::vault/clusters/*" }],
    ["asks the opposite", { Condition: { Null: { "s3:if-none-match": "false" } } }],
    [
      "exempts what makes objects",
      { Condition: { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "false" } } },
    ],
    ["is narrowed", { Condition: { Null: { "s3:if-none-match": "true" }, StringEquals: { "aws:PrincipalTag/x": "y" } } }],
  ])("lets a put replace where its statement %s", (_, change) => expect(withOnce(change)).toEqual(["warning policy-conditional-writes"]));

  test("is fixed by the statements that the findings print", () => {
    const statements = judge({ policy: undefined }).map(({ fix }): unknown => JSON.parse(fix.slice(fix.indexOf("): ") + 3)));
    expect(statements).toHaveLength(2);
    expect(judge({ policy: policyOf(...statements) })).toEqual([]);
    // One statement need be no list.
    expect(codes({ policy: JSON.stringify({ Statement: statements[0] }) })).toEqual(["warning policy-conditional-writes"]);
  });
});

describe("the lifecycle", () => {
  const rules = (...lifecycle: readonly Partial<LifecycleRule>[]): readonly string[] =>
    codes({ lifecycle: lifecycle.map((rule) => ({ ...ABORTS, ...rule })) });

  test("must abort uploads below our prefix, all of them", () => {
    for (const rule of [
      { abortsUploadsAfterDays: undefined },
      { prefix: "other/" },
      { prefix: "etcd/clusters/prod/" },
      { isNarrowed: true },
    ])
      expect(rules(rule)).toEqual(["warning uploads-kept"]);
    expect(rules({ prefix: "" })).toEqual([]);
    expect(judge({ lifecycle: [] })[0]).toMatchObject({ fix: saying('"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}') });
    expect(judge({ lifecycle: [{ ...ABORTS, prefix: "other/" }] })[0]).toMatchObject({ fix: saying("that call replaces all of them") });
  });

  test("must not remove snapshots by their age, nor put them to sleep; older versions may go", () => {
    expect(rules({}, { id: "old", prefix: "", removes: ["objects"] })).toEqual(["problem lifecycle-removes"]);
    expect(rules({}, { prefix: "etcd/clusters/prod/data/", removes: ["objects"] })).toEqual(["problem lifecycle-removes"]);
    expect(rules({}, { prefix: "other/", removes: ["objects"], movesTo: ["GLACIER"] })).toEqual([]);
    expect(rules({}, { removes: ["versions"], movesTo: ["STANDARD_IA", "GLACIER_IR"] })).toEqual([]);
    expect(rules({}, { movesTo: ["STANDARD_IA", "DEEP_ARCHIVE"] })).toEqual(["warning lifecycle-moves"]);
  });
});

test("what could not be seen is said once for each reason, and is neither fine nor wrong", () => {
  const denied: Unreadable = { unseen: "denied", reason: "AccessDenied" };
  const unsupported: Unreadable = { unseen: "unsupported", reason: "NotImplemented" };
  expect(
    judge({
      versioning: denied,
      objectLock: denied,
      policy: denied,
      publicAccessBlock: unsupported,
      lifecycle: unsupported,
      encryption: unsupported,
      ownership: unsupported,
    }),
  ).toEqual([
    {
      code: "not-seen",
      severity: "warning",
      subject: "store",
      message:
        "the store does not say anything of the public access block, the lifecycle, encryption at rest, object ownership (NotImplemented)",
      fix: saying("the store's own manual"),
    },
    {
      code: "not-seen",
      severity: "info",
      subject: "store",
      message: "could not be seen by this caller: versioning, Object Lock, the policy (AccessDenied)",
      fix: saying("lifeboat doctor --store"),
    },
  ]);
});
