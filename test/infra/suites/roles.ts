import { describe, expect, test } from "vitest";
import { isAllowed, statementsOf } from "../support/policies.ts";
import type { Statement } from "../support/policies.ts";
import type { Synthesized, Synths } from "../support/synthesized.ts";
import { ofType, theOne } from "../support/template.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups";

/** Who may do what: the policies are evaluated, not compared with a copy of themselves. */
export function rolesSuite({ example, other }: Synths): void {
  describe("promise 4: the writer cannot read, and is not believed alone", () => {
    interface Roles {
      readonly synthesized: Synthesized;
      readonly cluster: string;
      readonly below: string;
      readonly wrap: string;
      readonly backup: readonly Statement[];
      readonly verify: readonly Statement[];
      readonly check: readonly Statement[];
    }

    function rolesOf(synthesized: Synthesized, cluster: string, id: string, below: string): Roles {
      const { service, templates, vault } = synthesized;
      const statements = (name: string): readonly Statement[] =>
        statementsOf(theOne(service, "AWS::IAM::Role", `${id}${name}Role`)[0], service, templates);
      const made = ofType(vault, "AWS::KMS::Key").find(([key]) => key.startsWith("VaultWrappingKey"));
      const wrap =
        made === undefined ? "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111" : `\${${made[0]}.Arn}`;
      return { synthesized, cluster, below, wrap, backup: statements("Backup"), verify: statements("Verify"), check: statements("Check") };
    }

    const all = (): readonly Roles[] => [
      rolesOf(example(), "prod", "prod", `${BUCKET}/clusters/prod`),
      rolesOf(other(), "small.one", "smallone", `${BUCKET}/here/and-there/clusters/small.one`),
      rolesOf(other(), "large", "large", `${BUCKET}/here/and-there/clusters/large`),
    ];

    function keyNamed({ synthesized: { vault } }: Roles, name: string): string {
      return `\${${theOne(vault, "AWS::KMS::Key", name)[0]}.Arn}`;
    }

    const KINDS = ["data", "snapshots", "verified", "lineage", "acceptances", "custody", "rewraps", "pins", "drills"] as const;
    const S3_VIA = { "kms:ViaService": "s3.eu-central-1.amazonaws.com" };

    test("backup reads no data, puts what a backup is, and nothing of another cluster", () => {
      for (const { backup, below } of all()) {
        const may = (action: string): string[] => KINDS.filter((kind) => isAllowed(backup, { action, resource: `${below}/${kind}/x` }));
        for (const action of ["s3:GetObject", "s3:GetObjectVersion"])
          expect(may(action)).toEqual(["snapshots", "verified", "lineage", "acceptances", "custody"]);
        expect(may("s3:PutObject")).toEqual(["data", "snapshots", "lineage", "custody"]);
        for (const action of ["s3:GetObject", "s3:PutObject"])
          for (const kind of KINDS) expect(isAllowed(backup, { action, resource: `${below}2/${kind}/x` })).toBe(false);
      }
    });

    test("verify reads everything of its cluster, and puts neither manifests nor data", () => {
      for (const { verify, below } of all()) {
        const may = (action: string): string[] => KINDS.filter((kind) => isAllowed(verify, { action, resource: `${below}/${kind}/x` }));
        for (const action of ["s3:GetObject", "s3:GetObjectVersion"]) expect(may(action)).toEqual(KINDS);
        expect(may("s3:PutObject")).toEqual(["verified", "custody"]);
        expect(isAllowed(verify, { action: "s3:GetObject", resource: `${below}2/data/x` })).toBe(false);
      }
    });

    test("backup alone marks the store, and both see the mark", () => {
      for (const { backup, verify, below } of all()) {
        const resource = `${below.slice(0, below.indexOf("clusters/"))}store.json`;
        const may = (action: string): boolean[] => [backup, verify].map((statements) => isAllowed(statements, { action, resource }));
        expect([may("s3:GetObject"), may("s3:PutObject")]).toEqual([
          [true, true],
          [true, false],
        ]);
      }
    });

    test("neither deletes, shortens a lock, changes a policy or a key, or has an action with a wildcard", () => {
      const never = [
        ...[
          "DeleteObject",
          "DeleteObjectVersion",
          "BypassGovernanceRetention",
          "PutBucketPolicy",
          "PutLifecycleConfiguration",
          "PutBucketVersioning",
          "DeleteBucket",
        ].map((each) => `s3:${each}`),
        ...["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant", "ReEncryptFrom", "ReEncryptTo"].map(
          (each) => `kms:${each}`,
        ),
        "iam:PutRolePolicy",
        "sts:AssumeRole",
      ];
      for (const { backup, verify, below, wrap } of all()) {
        for (const statements of [backup, verify]) {
          for (const action of never)
            for (const resource of [BUCKET, `${below}/data/x`, `${below}/snapshots/x`, wrap])
              expect({ action, resource, allowed: isAllowed(statements, { action, resource, context: S3_VIA }) }).toEqual({
                action,
                resource,
                allowed: false,
              });
          expect(statements.flatMap(({ Action }) => Action).filter((action) => action.includes("*"))).toEqual([]);
        }
      }
    });

    test("the one that watches reads what is said of snapshots, and can do nothing else", () => {
      for (const [synthesized, id, below] of [
        [example(), "prod", `${BUCKET}/clusters/prod`],
        [other(), "large", `${BUCKET}/here/and-there/clusters/large`],
      ] as const) {
        const role = statementsOf(
          theOne(synthesized.service, "AWS::IAM::Role", `${id}CheckRole`)[0],
          synthesized.service,
          synthesized.templates,
        );
        const may = (action: string): string[] => KINDS.filter((kind) => isAllowed(role, { action, resource: `${below}/${kind}/x` }));
        expect(may("s3:GetObject")).toEqual(["snapshots", "verified", "lineage", "acceptances", "custody"]);
        expect(isAllowed(role, { action: "s3:GetObject", resource: `${below}2/snapshots/x` })).toBe(false);
        const actions = new Set(role.flatMap(({ Action }) => Action));
        expect([...actions].filter((action) => !action.startsWith("logs:")).toSorted()).toEqual([
          "kms:Decrypt",
          "s3:GetObject",
          "s3:GetObjectVersion",
          "s3:ListBucket",
        ]);
        const { vault } = synthesized;
        for (const [key] of ofType(vault, "AWS::KMS::Key"))
          expect({ key, decrypts: isAllowed(role, { action: "kms:Decrypt", resource: `\${${key}.Arn}`, context: S3_VIA }) }).toEqual({
            key,
            decrypts: key.startsWith("VaultBucketKey"),
          });
      }
    });

    test("the keeper reads documents, deletes versions and throws uploads away, and can do nothing else", () => {
      for (const [synthesized, service, below] of [
        [example(), "lifeboat", [`${BUCKET}/clusters/prod`]],
        [other(), "etcd", [`${BUCKET}/here/and-there/clusters/small.one`, `${BUCKET}/here/and-there/clusters/large`]],
      ] as const) {
        const { keeper, templates, vault } = synthesized;
        const [id, { Properties }] = theOne(keeper, "AWS::IAM::Role", "KeeperRole");
        expect(Properties["RoleName"]).toBe(`${service}-keeper`);
        const role = statementsOf(id, keeper, templates);
        expect(new Set(role.flatMap(({ Action }) => Action).filter((action) => !action.startsWith("logs:")))).toEqual(
          new Set([
            "kms:Decrypt",
            ...["ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"].map((each) => `s3:${each}`),
            ...["GetObject", "GetObjectVersion", "GetObjectRetention", "GetObjectLegalHold"].map((each) => `s3:${each}`),
            ...["DeleteObjectVersion", "ListMultipartUploadParts", "AbortMultipartUpload"].map((each) => `s3:${each}`),
            ...(service === "lifeboat" ? ["s3:PutObjectRetention"] : []),
          ]),
        );
        for (const cluster of below) {
          const may = (action: string, of: string = cluster): string[] =>
            KINDS.filter((kind) => isAllowed(role, { action, resource: `${of}/${kind}/x` }));
          expect(may("s3:GetObject")).toEqual(KINDS.filter((kind) => kind !== "data"));
          expect(may("s3:DeleteObjectVersion")).toEqual(["data", "snapshots", "verified", "rewraps", "pins", "drills"]);
          expect(may("s3:DeleteObjectVersion", `${cluster}2`)).toEqual([]);
          expect(may("s3:PutObject")).toEqual([]);
          expect(may("s3:DeleteObject")).toEqual([]);
          expect(may("s3:BypassGovernanceRetention")).toEqual([]);
        }
        for (const [key] of ofType(vault, "AWS::KMS::Key")) {
          const resource = `\${${key}.Arn}`;
          expect({ key, decrypts: isAllowed(role, { action: "kms:Decrypt", resource, context: S3_VIA }) }).toEqual({
            key,
            decrypts: key.startsWith("VaultBucketKey"),
          });
          for (const action of ["kms:Decrypt", "kms:Sign", "kms:Encrypt", "kms:GenerateDataKey"])
            expect(isAllowed(role, { action, resource })).toBe(false);
        }
      }
    });

    test("the keeper locks what is kept for as long as the example keeps it locked, and not for longer", () => {
      const { keeper, templates } = example();
      const role = statementsOf(theOne(keeper, "AWS::IAM::Role", "KeeperRole")[0], keeper, templates);
      for (const key of ["clusters/prod/snapshots/x", "clusters/prod/custody/0000000/0000000001.json", "store.json"]) {
        const resource = `${BUCKET}/${key}`;
        const mayFor = (days: number): boolean =>
          isAllowed(role, {
            action: "s3:PutObjectRetention",
            resource,
            context: { "s3:object-lock-remaining-retention-days": String(days) },
          });
        expect([mayFor(24), mayFor(26), mayFor(36_500)]).toEqual([true, false, false]);
        for (const action of ["s3:GetObjectRetention", "s3:GetObjectLegalHold"]) expect(isAllowed(role, { action, resource })).toBe(true);
      }
    });

    test("verify sees every version and its lock, to work out what is to go", () => {
      for (const { verify, below } of all()) {
        expect(isAllowed(verify, { action: "s3:ListBucketVersions", resource: BUCKET })).toBe(true);
        for (const action of ["s3:GetObjectRetention", "s3:GetObjectLegalHold"])
          expect(isAllowed(verify, { action, resource: `${below}/data/x` })).toBe(true);
      }
    });

    test("neither locks what it puts for longer than the example's 14 days", () => {
      const [prod] = all();
      for (const [statements, kind] of [
        [prod?.backup, "data"],
        [prod?.verify, "verified"],
      ] as const)
        for (const action of ["s3:PutObject", "s3:PutObjectRetention"]) {
          const mayFor = (days: number): boolean =>
            isAllowed(statements ?? [], {
              action,
              resource: `${BUCKET}/clusters/prod/${kind}/x`,
              context: { "s3:object-lock-remaining-retention-days": String(days) },
            });
          expect([mayFor(14), mayFor(16), mayFor(36_500)]).toEqual([true, false, false]);
        }
    });

    test("backup wraps and cannot unwrap; verify unwraps what is of its cluster, and wraps nothing", () => {
      for (const { backup, verify, wrap, cluster } of all()) {
        const context = { "kms:EncryptionContext:cluster": cluster };
        const may = (statements: readonly Statement[], action: string, of = context): boolean =>
          isAllowed(statements, { action, resource: wrap, context: of });
        expect([may(backup, "kms:Encrypt"), may(backup, "kms:Decrypt")]).toEqual([true, false]);
        expect([may(verify, "kms:Encrypt"), may(verify, "kms:Decrypt")]).toEqual([false, true]);
        expect(may(verify, "kms:Decrypt", { "kms:EncryptionContext:cluster": "another" })).toBe(false);
        for (const statements of [backup, verify])
          expect(isAllowed(statements, { action: "kms:Decrypt", resource: wrap, context: { ...S3_VIA } })).toBe(false);
      }
    });

    test("each signs with its own key alone, and none with the key that nodes trust", () => {
      for (const roles of all()) {
        const signs = (statements: readonly Statement[]): string[] =>
          ["VaultSnapshotKey", "VaultAuditKey", "VaultBundleKey"].filter((name) =>
            isAllowed(statements, { action: "kms:Sign", resource: keyNamed(roles, name) }),
          );
        expect(signs(roles.backup)).toEqual(["VaultSnapshotKey"]);
        expect(signs(roles.verify)).toEqual(["VaultAuditKey"]);
      }
    });

    test("both use the bucket's key through S3 alone", () => {
      for (const roles of all()) {
        for (const statements of [roles.backup, roles.verify]) {
          for (const action of ["kms:GenerateDataKey", "kms:Decrypt"]) {
            const resource = keyNamed(roles, "VaultBucketKey");
            expect(isAllowed(statements, { action, resource, context: S3_VIA })).toBe(true);
            expect(isAllowed(statements, { action, resource })).toBe(false);
          }
        }
      }
    });

    test("secrets of etcd are read by who asks members, each by its cluster", () => {
      const [prod, small, large] = all();
      const secret = (name: string): { action: string; resource: string } => ({
        action: "secretsmanager:GetSecretValue",
        resource: `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}`,
      });
      const parameter = { action: "ssm:GetParameter", resource: "arn:aws:ssm:eu-central-1:123456789012:parameter/etcd/password" };
      expect(isAllowed(prod?.backup ?? [], secret("etcd/prod-AbC123"))).toBe(true);
      expect(isAllowed(prod?.backup ?? [], secret("etcd/prod2-AbC123"))).toBe(false);
      expect(isAllowed(small?.backup ?? [], secret("etcd-AbC123"))).toBe(true);
      expect(isAllowed(small?.backup ?? [], parameter)).toBe(false);
      expect(isAllowed(large?.backup ?? [], parameter)).toBe(true);
      const secretKey = {
        action: "kms:Decrypt",
        resource: "arn:aws:kms:eu-central-1:123456789012:key/33333333-3333-3333-3333-333333333333",
      };
      const via = (service: string): { context: Record<string, string> } => ({
        context: { "kms:ViaService": `${service}.eu-central-1.amazonaws.com` },
      });
      expect(isAllowed(small?.backup ?? [], { ...secretKey, ...via("secretsmanager") })).toBe(true);
      expect(isAllowed(large?.backup ?? [], { ...secretKey, ...via("ssm") })).toBe(true);
      expect(isAllowed(large?.backup ?? [], secretKey)).toBe(false);
      // The verifier asks members itself; here by the secrets of the cluster, since `verify` names none.
      expect(isAllowed(prod?.verify ?? [], secret("etcd/prod-AbC123"))).toBe(true);
      expect(isAllowed(prod?.verify ?? [], secret("etcd/prod2-AbC123"))).toBe(false);
      expect(isAllowed(small?.verify ?? [], parameter)).toBe(false);
      expect(isAllowed(small?.verify ?? [], { ...secretKey, ...via("secretsmanager") })).toBe(true);
      expect(isAllowed(small?.verify ?? [], secretKey)).toBe(false);
      for (const { check } of all()) {
        const asked = check.flatMap(({ Action }) => Action).filter((action) => /secretsmanager|ssm/.test(action));
        expect(asked).toEqual([]);
      }
    });

    test("verify alone fills replicas, for its own cluster, and removes nothing there", () => {
      const [, small] = all();
      const there = "arn:aws:s3:::another";
      const mine = `${there}/clusters/small.one/data/x`;
      const may = (statements: readonly Statement[] | undefined, action: string, resource: string): boolean =>
        isAllowed(statements ?? [], { action, resource });
      for (const action of ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"]) {
        expect({ action, allowed: may(small?.verify, action, mine) }).toEqual({ action, allowed: true });
        expect({ action, allowed: may(small?.backup, action, mine) }).toEqual({ action, allowed: false });
        expect(may(small?.verify, action, `${there}/clusters/large/data/x`)).toBe(false);
      }
      expect(may(small?.verify, "s3:ListBucket", there)).toBe(true);
      for (const action of ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"])
        expect(may(small?.verify, action, mine)).toBe(false);
    });

    test("backup wraps for replicas, whose keys are elsewhere", () => {
      const [, small] = all();
      const ask = {
        resource: "arn:aws:kms:us-east-1:123456789012:key/22222222-2222-2222-2222-222222222222",
        context: { "kms:EncryptionContext:cluster": "small.one" },
      };
      expect(isAllowed(small?.backup ?? [], { action: "kms:Encrypt", ...ask })).toBe(true);
      expect(isAllowed(small?.backup ?? [], { action: "kms:Decrypt", ...ask })).toBe(false);
      // The verifier makes wrappings of its own, since those of the backup are the writer's word.
      expect(isAllowed(small?.verify ?? [], { action: "kms:Encrypt", ...ask })).toBe(true);
      expect(isAllowed(small?.verify ?? [], { action: "kms:Decrypt", ...ask })).toBe(false);
    });
  });
}
