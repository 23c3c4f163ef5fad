import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { deniesPlainHttp, deniesReplacing, parsePolicy } from "../../../shared/jobs/doctor/bucket-policy.ts";
import { isDenied, statementsIn } from "../support/policies.ts";
import type { Statement } from "../support/policies.ts";
import type { Synths } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups";

/** What outlives everything else. */
export function vaultSuite({ example, other }: Synths): void {
  describe("the vault", () => {
    test("keeps every bucket and key when its stack goes, and cannot be deleted by accident", async () => {
      for (const { vault } of [example(), other()]) {
        const kept = Object.values(vault.Resources).filter(({ Type }) => /Bucket$|Key$|Alias$/.test(Type));
        expect(kept.length).toBeGreaterThan(6);
        for (const { DeletionPolicy, UpdateReplacePolicy, Type } of kept)
          expect({ Type, DeletionPolicy, UpdateReplacePolicy }).toEqual({
            Type,
            // Not what a first deployment made that failed: a second could not make it again.
            DeletionPolicy: "RetainExceptOnCreate",
            UpdateReplacePolicy: "Retain",
          });
      }
      const manifest: unknown = JSON.parse(await readFile(join(example().out, "manifest.json"), "utf8"));
      expect(manifest).toMatchObject({ artifacts: { "lifeboat-vault": { properties: { terminationProtection: true } } } });
    });

    test("has a bucket with versions, lock, encryption and no way in from outside", () => {
      const [, { Properties }] = theOne(example().vault, "AWS::S3::Bucket", "VaultBucket");
      expect(Properties).toMatchObject({
        BucketName: "example-etcd-backups",
        VersioningConfiguration: { Status: "Enabled" },
        ObjectLockEnabled: true,
        ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 14 } } },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
        LifecycleConfiguration: {
          Rules: [
            { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 }, Status: "Enabled" },
            { Id: "old-reports", Status: "Enabled" },
            { Id: "old-bundles", Status: "Enabled" },
          ],
        },
      });
      const rule = z
        .object({ ServerSideEncryptionConfiguration: z.tuple([z.looseObject({ BucketKeyEnabled: z.boolean() })]) })
        .parse(Properties["BucketEncryption"]);
      expect(rule.ServerSideEncryptionConfiguration[0].BucketKeyEnabled).toBe(true);
      expect(JSON.stringify(rule)).toContain("VaultBucketKey");
    });

    test("locks nothing by default where the configuration has no lock, and can lock all the same", () => {
      const [, { Properties }] = theOne(other().vault, "AWS::S3::Bucket", "VaultBucket");
      expect(Properties["ObjectLockEnabled"]).toBe(true);
      expect(JSON.stringify(Properties["ObjectLockConfiguration"] ?? {})).not.toContain("DefaultRetention");
    });

    test("refuses plain http and what would replace an object, parts of an upload apart, and lifeboat doctor agrees", () => {
      for (const [{ vault, templates }, object] of [
        [example(), `${BUCKET}/clusters/prod/snapshots/20261121T100000Z.json`],
        [other(), `${BUCKET}/here/and-there/clusters/large/data/20261121T100000Z-0123abcd.age`],
        [example(), `${BUCKET}/store.json`],
        [other(), `${BUCKET}/here/and-there/store.json`],
      ] as const) {
        const policies = ofType(vault, "AWS::S3::BucketPolicy").map(([, { Properties }]) => Properties["PolicyDocument"]);
        const statements = policies.flatMap((policy) => statementsIn(policy, templates)).map((each) => withName(each));
        const tls = { "aws:SecureTransport": "true", "s3:TlsVersion": "1.3" };
        const put = { action: "s3:PutObject", resource: object };
        expect(isDenied(statements, { ...put, context: { ...tls, "s3:ObjectCreationOperation": "true" } })).toBe(true);
        expect(isDenied(statements, { ...put, context: { ...tls, "s3:ObjectCreationOperation": "true", "s3:if-none-match": "*" } })).toBe(
          false,
        );
        expect(isDenied(statements, { ...put, context: { ...tls, "s3:ObjectCreationOperation": "false" } })).toBe(false);
        expect(
          isDenied(statements, {
            action: "s3:GetObject",
            resource: object,
            context: { "aws:SecureTransport": "false", "s3:TlsVersion": "1.3" },
          }),
        ).toBe(true);
        expect(isDenied(statements, { action: "s3:GetObject", resource: object, context: tls })).toBe(false);
        const doctor = parsePolicy(JSON.stringify({ Statement: statements })) ?? [];
        expect(deniesReplacing(doctor, object)).toBe(true);
        expect(deniesPlainHttp(doctor, object)).toBe(true);
      }
    });

    test("denies to everybody a delete that hides, to all but the keeper and named roles one that removes, and to these what is said of all snapshots", () => {
      for (const [{ vault, templates }, service, at] of [
        [example(), "lifeboat", ""],
        [other(), "etcd", "here/and-there/"],
      ] as const) {
        const policies = ofType(vault, "AWS::S3::BucketPolicy").map(([, { Properties }]) => Properties["PolicyDocument"]);
        const statements = policies.flatMap((policy) => statementsIn(policy, templates)).map((each) => withName(each));
        const role = (name: string): string => `arn:aws:iam::123456789012:role/${name}`;
        const denies = (action: string, object: string, who: string | undefined): boolean =>
          isDenied(statements, {
            action: `s3:${action}`,
            resource: `${BUCKET}/${at}${object}`,
            context: {
              "aws:SecureTransport": "true",
              "s3:TlsVersion": "1.3",
              ...(who === undefined ? {} : { "aws:PrincipalArn": who }),
            },
          });
        const keeper = role(`${service}-keeper`);
        const person = role("pruner");
        const others = [role("Admin"), role(`x${service}-keeper`), role(`${service}-keeper2`), "arn:aws:iam::123456789012:root", undefined];
        for (const object of ["clusters/prod/data/x.age", "clusters/prod/snapshots/x.json", "clusters/prod/verified/x.json"]) {
          for (const who of [keeper, person, ...others]) expect(denies("DeleteObject", object, who)).toBe(true);
          for (const action of ["DeleteObjectVersion", "BypassGovernanceRetention"]) {
            expect(denies(action, object, keeper)).toBe(false);
            expect(denies(action, object, person)).toBe(service !== "lifeboat");
            for (const who of others) expect({ action, who, denied: denies(action, object, who) }).toEqual({ action, who, denied: true });
          }
        }
        for (const object of ["clusters/prod/custody/0000000/0000000001.json", "clusters/prod/lineage/1.json", "store.json"])
          for (const who of [keeper, person, ...others]) expect(denies("DeleteObjectVersion", object, who)).toBe(true);
      }
    });

    /** The bucket's own ARN in the template's words is that of its name. */
    function withName(statement: Statement): Statement {
      return { ...statement, Resource: statement.Resource?.map((each) => each.replace(/^\$\{VaultBucket[0-9A-F]+\.Arn\}/, BUCKET)) };
    }

    test("has a symmetric wrapping key that rotates, a bucket key apart from it, and a signing key for each purpose", () => {
      const keys = new Map(ofType(example().vault, "AWS::KMS::Key"));
      const aliases = ofType(example().vault, "AWS::KMS::Alias").map(([, { Properties }]) => {
        const target = String(resolve(Properties["TargetKeyId"], example().templates)).replace(/^\$\{(.*)\.Arn\}$/, "$1");
        return [Properties["AliasName"], keys.get(target)?.Properties] as const;
      });
      expect(aliases.map(([name]) => name)).toEqual([
        "alias/lifeboat-bucket",
        "alias/lifeboat-wrap",
        "alias/lifeboat-snapshot",
        "alias/lifeboat-audit",
        "alias/lifeboat-bundle",
      ]);
      const [bucket, wrap, ...sign] = aliases.map(([, properties]) => properties);
      for (const key of [bucket, wrap]) {
        expect(key).toMatchObject({ EnableKeyRotation: true, PendingWindowInDays: 30 });
        expect(key).not.toHaveProperty("KeySpec");
      }
      expect(sign).toHaveLength(3);
      for (const key of sign) expect(key).toMatchObject({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY", PendingWindowInDays: 30 });
    });

    test("lets nobody into its buckets by their policies, but S3 itself to deliver the access logs", () => {
      for (const { vault, templates } of [example(), other()]) {
        const statements = ofType(vault, "AWS::S3::BucketPolicy").flatMap(([, { Properties }]) =>
          statementsIn(Properties["PolicyDocument"], templates),
        );
        expect(statements.filter(({ Effect }) => Effect === "Allow")).toMatchObject([
          {
            Principal: { Service: "logging.s3.amazonaws.com" },
            Action: ["s3:PutObject"],
            Condition: { StringEquals: { "aws:SourceAccount": ["123456789012"] } },
          },
        ]);
      }
    });

    test("leaves it to IAM who may use a key: no key's policy names anybody but the account", () => {
      for (const [, { Properties }] of ofType(example().vault, "AWS::KMS::Key")) {
        const statements = statementsIn(Properties["KeyPolicy"], example().templates);
        expect(statements.map(({ Effect, Principal }) => ({ Effect, Principal }))).toEqual([
          { Effect: "Allow", Principal: { AWS: "arn:aws:iam::123456789012:root" } },
        ]);
      }
    });

    test("makes no key that is there already", () => {
      const names = ofType(other().vault, "AWS::KMS::Alias").map(([, { Properties }]) => Properties["AliasName"]);
      expect(names).toEqual(["alias/etcd-bucket", "alias/s", "alias/a", "alias/b"]);
    });
  });
}
