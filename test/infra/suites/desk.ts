import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Template as Assertions } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Desk, Notifications, readDeployment, SnapshotVault } from "../../../infra/index.ts";
import { HEADINGS, runbookLink } from "../../../infra/runbook.ts";
import { METRICS } from "../../../shared/contract/service.ts";
import { isAllowed, statementsIn, statementsOf } from "../support/policies.ts";
import type { Statement } from "../support/policies.ts";
import type { Synths } from "../support/synthesized.ts";
import { ofType, parseTemplate, resolve, theOne } from "../support/template.ts";
import type { Template } from "../support/template.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups/here/and-there";
const WRAP = "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111";
const CLUSTERS = ["small.one", "large"] as const;

/** What makes restore bundles: in the other configuration, which asks for it. */
export function deskSuite({ example, other }: Synths, config: () => string, folder: () => string): void {
  describe("the desk", () => {
    const template = (): Template => {
      const { desk } = other();
      if (desk === undefined) throw new Error("the configuration has a desk, and the app none");
      return desk;
    };
    const role = (): readonly Statement[] =>
      statementsOf(theOne(template(), "AWS::IAM::Role", "DeskRole")[0], template(), [...other().templates, template()]);
    const may = (action: string, resource: string, context: Readonly<Record<string, string>> = {}): boolean =>
      isAllowed(role(), { action, resource, context });

    test("is there only where it is asked for", () => {
      expect(example().desk).toBeUndefined();
      const [, { Properties }] = theOne(template(), "AWS::Lambda::Function");
      expect(Properties).toMatchObject({ FunctionName: "etcd-desk", Timeout: 300, MemorySize: 1769 });
      expect(z.array(z.unknown()).parse(Properties["Layers"])).toHaveLength(1);
      expect(theOne(template(), "AWS::Lambda::EventInvokeConfig")[1].Properties).toMatchObject({ MaximumRetryAttempts: 0 });
    });

    test("reads its clusters, puts their bundles and records, and nothing else, nor anything of another cluster", () => {
      const kinds = ["snapshots", "data", "verified", "lineage", "acceptances", "custody", "rewraps", "pins", "drills"];
      for (const cluster of CLUSTERS) {
        const places = [
          ...kinds.map((kind) => `clusters/${cluster}/${kind}/x`),
          `bundles/${cluster}/20261121T100000Z/x/a.tar`,
          "store.json",
        ];
        const allowed = (action: string): string[] => places.filter((place) => may(action, `${BUCKET}/${place}`));
        for (const action of ["s3:GetObject", "s3:GetObjectVersion"]) expect(allowed(action)).toEqual(places);
        expect(allowed("s3:PutObject")).toEqual([`clusters/${cluster}/custody/x`, `bundles/${cluster}/20261121T100000Z/x/a.tar`]);
      }
      for (const place of ["clusters/other/data/x", "clusters/large2/data/x", "bundles/other/x", "bundles/large2/x", "clusters/x", "x"])
        for (const action of ["s3:GetObject", "s3:PutObject"]) expect(may(action, `${BUCKET}/${place}`)).toBe(false);
    });

    test("deletes nothing, shortens no lock, changes no policy and no key, and has no action with a wildcard", () => {
      const never = [
        ...[
          "DeleteObject",
          "DeleteObjectVersion",
          "BypassGovernanceRetention",
          "PutBucketPolicy",
          "PutObjectRetention",
          "PutObjectLegalHold",
        ].map((each) => `s3:${each}`),
        ...["Encrypt", "ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant", "ReEncryptFrom"].map((each) => `kms:${each}`),
        "iam:PutRolePolicy",
        "sts:AssumeRole",
        "lambda:InvokeFunction",
        "secretsmanager:GetSecretValue",
      ];
      for (const action of never)
        for (const resource of ["arn:aws:s3:::example-etcd-backups", `${BUCKET}/clusters/large/data/x`, `${BUCKET}/bundles/large/x`, WRAP])
          expect({ action, resource, allowed: may(action, resource, { "kms:ViaService": "s3.eu-central-1.amazonaws.com" }) }).toEqual({
            action,
            resource,
            allowed: false,
          });
      expect(
        role()
          .flatMap(({ Action }) => Action)
          .filter((action) => action.includes("*")),
      ).toEqual([]);
    });

    test("unwraps what was wrapped for its clusters alone, and signs bundles alone", () => {
      for (const [cluster, allowed] of [...CLUSTERS.map((each) => [each, true] as const), ["other", false] as const])
        for (const context of [cluster, `intake/${cluster}`])
          expect(may("kms:Decrypt", WRAP, { "kms:EncryptionContext:cluster": context })).toBe(allowed);
      expect(may("kms:Decrypt", WRAP)).toBe(false);
      const keys = ofType(other().vault, "AWS::KMS::Key").map(([id]) => id);
      expect(keys.filter((id) => may("kms:Sign", `\${${id}.Arn}`)).map((id) => id.replace(/[0-9A-F]{8}$/, ""))).toEqual(["VaultBundleKey"]);
      // Of the functions it is the only one.
      for (const synthesized of [example(), other()])
        for (const each of [synthesized.service, synthesized.keeper])
          for (const [id] of ofType(each, "AWS::IAM::Role")) {
            const statements = statementsOf(id, each, synthesized.templates);
            const [bundleKey = ""] = ofType(synthesized.vault, "AWS::KMS::Key").flatMap(([key]) =>
              key.startsWith("VaultBundleKey") ? [key] : [],
            );
            expect({ id, signs: isAllowed(statements, { action: "kms:Sign", resource: `\${${bundleKey}.Arn}` }) }).toEqual({
              id,
              signs: false,
            });
            expect({
              id,
              puts: isAllowed(statements, { action: "s3:PutObject", resource: `${BUCKET}/bundles/large/x` }),
            }).toEqual({ id, puts: false });
          }
    });

    test("is called by whom the policy is attached to, with a second factor, and by nobody by itself", () => {
      const [, { Properties }] = theOne(template(), "AWS::IAM::ManagedPolicy");
      const callers = statementsIn(Properties["PolicyDocument"], [...other().templates, template()]);
      const [id] = theOne(template(), "AWS::Lambda::Function");
      const ask = { action: "lambda:InvokeFunction", resource: `\${${id}.Arn}` };
      expect(isAllowed(callers, { ...ask, context: { "aws:MultiFactorAuthPresent": "true" } })).toBe(true);
      // A session without one says false, and keys of a user say nothing.
      expect(isAllowed(callers, { ...ask, context: { "aws:MultiFactorAuthPresent": "false" } })).toBe(false);
      expect(isAllowed(callers, ask)).toBe(false);
      expect(isAllowed(callers, { ...ask, resource: "arn:aws:lambda:eu-central-1:123456789012:function:other" })).toBe(false);
      expect(Object.values(template().Outputs).map(({ Value }) => resolve(Value, [template()]))).toContainEqual(
        `\${${theOne(template(), "AWS::IAM::ManagedPolicy")[0]}}`,
      );
      expect(ofType(template(), "AWS::Lambda::Permission")).toEqual([]);
      expect(ofType(template(), "AWS::Scheduler::Schedule")).toEqual([]);
    });

    test("needs no second factor where the configuration does without", async () => {
      const app = new App({ outdir: join(folder(), "desk-own"), analyticsReporting: false, builtinCloudFormationValidation: false });
      const stack = new Stack(app, "own", { env: { region: "eu-central-1" } });
      const key = Key.fromKeyArn(stack, "There", WRAP);
      const vault = SnapshotVault.fromAttributes({
        bucket: new Bucket(stack, "Mine"),
        wrappingKey: key,
        signingKeys: { snapshot: key, audit: key, bundle: key },
      });
      const { configuration } = await readDeployment(config());
      const desk = new Desk(stack, "Desk", { configuration, vault, notifications: new Notifications(stack, "Told"), requireMfa: false });
      expect(desk.alarmNames).toEqual(["lifeboat-desk-errors", "lifeboat-small.one-bundle", "lifeboat-large-bundle"]);
      const own = parseTemplate(Assertions.fromStack(stack).toJSON());
      const callers = statementsIn(theOne(own, "AWS::IAM::ManagedPolicy")[1].Properties["PolicyDocument"], [own]);
      expect(isAllowed(callers, { action: "lambda:InvokeFunction", resource: `\${${theOne(own, "AWS::Lambda::Function")[0]}.Arn}` })).toBe(
        true,
      );
    });

    test("everybody hears of each bundle, and of each that was not made", () => {
      const alarms = ofType(template(), "AWS::CloudWatch::Alarm").map(([, { Properties }]) => Properties);
      const common = { Threshold: 1, Period: 300, EvaluationPeriods: 1, TreatMissingData: "notBreaching", Statistic: "Sum" };
      expect(alarms.toSorted((one, another) => (String(one["AlarmName"]) < String(another["AlarmName"]) ? -1 : 1))).toMatchObject([
        { ...common, AlarmName: "etcd-desk-errors", Namespace: "AWS/Lambda", MetricName: "Errors" },
        { ...common, AlarmName: "etcd-large-bundle", MetricName: METRICS.bundleMade },
        { ...common, AlarmName: "etcd-small.one-bundle", MetricName: METRICS.bundleMade },
      ]);
      const [topic] = theOne(other().service, "AWS::SNS::Topic");
      for (const { AlarmActions, AlarmDescription } of alarms) {
        expect(resolve(AlarmActions, [...other().templates, template()])).toEqual([`\${${topic}}`]);
        expect([HEADINGS.bundle, HEADINGS.desk].map((heading) => runbookLink("https://example.com/runbook", heading))).toContain(
          String(AlarmDescription).split(" ").at(-1),
        );
      }
      const dashboard = JSON.stringify(resolve(theOne(other().service, "AWS::CloudWatch::Dashboard")[1].Properties, other().templates));
      for (const { AlarmName } of alarms) expect(dashboard).toContain(String(AlarmName));
      expect(dashboard).toContain(METRICS.bundleMade);
    });

    test("puts each file of a bundle once, and none is removed but by a keeper: the bucket says so", () => {
      const statements = statementsIn(
        theOne(other().vault, "AWS::S3::BucketPolicy", "VaultBucketPolicy")[1].Properties["PolicyDocument"],
        other().templates,
      );
      const resources = statements.filter(({ Effect }) => Effect === "Deny").map(({ Sid, Resource = [] }) => ({ Sid, Resource }));
      for (const sid of ["WrittenOnce", "NeverHidden", "RemovedByKeepers"])
        expect(
          resources.find(({ Sid }) => Sid === sid)?.Resource.filter((each) => each.endsWith("/here/and-there/bundles/*")),
        ).toHaveLength(1);
    });

    test("carries its programs apart from its code, where Node finds packages", () => {
      const [, { Properties }] = theOne(template(), "AWS::Lambda::LayerVersion");
      const key = z
        .object({ S3Key: z.string() })
        .parse(Properties["Content"])
        .S3Key.replace(/\.zip$/, "");
      const manifest = join(other().out, `asset.${key}`, `nodejs/node_modules/@etcd-lifeboat/tools-linux-${process.arch}/package.json`);
      expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ name: `@etcd-lifeboat/tools-linux-${process.arch}` });
    });
  });
}
