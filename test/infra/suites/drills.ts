import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { METRICS } from "../../../shared/contract/service.ts";
import { HEADINGS, runbookLink } from "../../../infra/runbook.ts";
import { isAllowed, statementsOf } from "../support/policies.ts";
import type { Statement } from "../support/policies.ts";
import type { Synths } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";
import type { Template } from "../support/template.ts";
import { elf } from "./kopia.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups/here/and-there";
const WRAP = "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111";

/** The head of an etcd of this machine's architecture, as far as anybody looks. */
export const ETCD = elf(process.arch === "arm64" ? 183 : 62);
export const ETCD_SHA256 = createHash("sha256").update(ETCD).digest("hex");

/** What rehearses restores: in the other configuration, which asks for it. One of its clusters fits a function, and one does not. */
export function drillsSuite({ example, other }: Synths): void {
  describe("drills", () => {
    const template = (): Template => {
      const { drill } = other();
      if (drill === undefined) throw new Error("the configuration has drills, and the app none");
      return drill;
    };
    const role = (id: string): readonly Statement[] =>
      statementsOf(theOne(template(), "AWS::IAM::Role", id)[0], template(), [...other().templates, template()]);
    const keyOf = (name: string): string => `\${${theOne(other().vault, "AWS::KMS::Key", name)[0]}.Arn}`;

    test("are there only where they are asked for, and grow by no resource for a cluster", () => {
      expect(example().drill).toBeUndefined();
      expect(ofType(template(), "AWS::Lambda::Function")).toHaveLength(2);
      expect(ofType(template(), "AWS::Scheduler::Schedule")).toHaveLength(2);
      expect(ofType(template(), "AWS::CloudWatch::Alarm")).toHaveLength(2);
      expect(ofType(template(), "AWS::ECS::TaskDefinition")).toHaveLength(1);
    });

    test("run as an image with 10 GiB of disk, each hour, and those of a large database as a task", () => {
      const [id, { Properties }] = theOne(template(), "AWS::Lambda::Function", "DrillsDrill");
      expect(Properties).toMatchObject({ PackageType: "Image", EphemeralStorage: { Size: 10_240 }, Timeout: 900 });
      const schedules = ofType(template(), "AWS::Scheduler::Schedule").map(([, each]) => each.Properties);
      const target = z.looseObject({ Arn: z.unknown(), Input: z.string().optional(), EcsParameters: z.unknown().optional() });
      const [hourly, daily] = ["rate(1 hour)", "rate(1 day)"].map((rate) => schedules.find((each) => each["ScheduleExpression"] === rate));
      const function_ = target.parse(hourly?.["Target"]);
      expect(resolve(function_.Arn, [template()])).toBe(`\${${id}.Arn}`);
      expect(JSON.parse(function_.Input ?? "")).toEqual({ clusters: ["small.one"] });
      const [definition, task] = theOne(template(), "AWS::ECS::TaskDefinition");
      expect(resolve(target.parse(daily?.["Target"]).EcsParameters, [template()])).toMatchObject({
        TaskDefinitionArn: `\${${definition}}`,
        LaunchType: "FARGATE",
        NetworkConfiguration: { AwsvpcConfiguration: { Subnets: ["subnet-0123456789abcdef0"], AssignPublicIp: "DISABLED" } },
      });
      expect(task.Properties).toMatchObject({ EphemeralStorage: { SizeInGiB: 181 }, Cpu: "2048" });
      expect(JSON.stringify(task.Properties)).toContain(String.raw`{\"clusters\":[\"large\"]}`);
    });

    test("sign evidence, open nothing, and call the desk of drills alone", () => {
      const [desk] = theOne(template(), "AWS::Lambda::Function", "DrillsDesk");
      for (const statements of [role("DrillsRole"), role("DrillsTaskRole")]) {
        const may = (action: string, resource: string, context: Readonly<Record<string, string>> = {}): boolean =>
          isAllowed(statements, { action, resource, context });
        expect(may("kms:Decrypt", WRAP, { "kms:EncryptionContext:cluster": "large" })).toBe(false);
        expect(["VaultSnapshotKey", "VaultAuditKey", "VaultBundleKey"].filter((key) => may("kms:Sign", keyOf(key)))).toEqual([
          "VaultAuditKey",
        ]);
        expect(may("lambda:InvokeFunction", `\${${desk}.Arn}`)).toBe(true);
        expect(may("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:123456789012:function:etcd-desk")).toBe(false);
        const kinds = ["snapshots", "data", "verified", "catalog", "lineage", "acceptances", "custody", "pins", "drills"];
        expect(kinds.filter((kind) => may("s3:PutObject", `${BUCKET}/clusters/large/${kind}/x`))).toEqual(["custody", "drills"]);
        for (const kind of kinds) {
          expect(may("s3:GetObject", `${BUCKET}/clusters/large/${kind}/x`)).toBe(true);
          for (const action of ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"])
            expect(may(action, `${BUCKET}/clusters/large/${kind}/x`)).toBe(false);
          expect(may("s3:GetObject", `${BUCKET}/clusters/other/${kind}/x`)).toBe(false);
        }
        expect(may("s3:PutObject", `${BUCKET}/bundles/large/x/y/drill.tar`)).toBe(false);
        expect(may("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:etcd-AbC123")).toBe(false);
        expect(statements.flatMap(({ Action }) => Action).filter((action) => action.includes("*"))).toEqual([]);
      }
    });

    test("have a desk of their own that says of no snapshot that it is good, and that nobody else may call", () => {
      const statements = role("DrillsDeskRole");
      const may = (action: string, resource: string, context: Readonly<Record<string, string>> = {}): boolean =>
        isAllowed(statements, { action, resource, context });
      expect(may("kms:Decrypt", WRAP, { "kms:EncryptionContext:cluster": "large" })).toBe(true);
      // No bundle of a drill has a node's files.
      expect(may("kms:Decrypt", WRAP, { "kms:EncryptionContext:cluster": "intake/large" })).toBe(false);
      expect(["VaultSnapshotKey", "VaultAuditKey", "VaultBundleKey"].filter((key) => may("kms:Sign", keyOf(key)))).toEqual([
        "VaultBundleKey",
      ]);
      expect(may("s3:PutObject", `${BUCKET}/clusters/large/drills/x`)).toBe(false);
      const [, { Properties }] = theOne(template(), "AWS::Lambda::Function", "DrillsDesk");
      expect(Properties).toMatchObject({ FunctionName: "etcd-drill-desk" });
      const own = "arn:aws:lambda:eu-central-1:123456789012:function:etcd-drill-desk";
      const stacks = [other().service, other().keeper, ...(other().desk === undefined ? [] : [other().desk as Template])];
      for (const each of stacks)
        for (const [id] of ofType(each, "AWS::IAM::Role"))
          expect({
            id,
            calls: isAllowed(statementsOf(id, each, [...other().templates, each]), { action: "lambda:InvokeFunction", resource: own }),
          }).toEqual({
            id,
            calls: false,
          });
    });

    test("that failed are loud, whichever way they ran", () => {
      const alarms = ofType(template(), "AWS::CloudWatch::Alarm").map(([, { Properties }]) => Properties);
      expect(alarms.toSorted((one, another) => (String(one["AlarmName"]) < String(another["AlarmName"]) ? -1 : 1))).toMatchObject([
        { AlarmName: "etcd-drill-errors", Namespace: "AWS/Lambda", MetricName: "Errors", Threshold: 1 },
        {
          AlarmName: "etcd-drill-not-passed",
          MetricName: METRICS.drillFailed,
          Threshold: 1,
          Dimensions: [{ Name: "service", Value: "etcd" }],
        },
      ]);
      const dashboard = JSON.stringify(resolve(theOne(other().service, "AWS::CloudWatch::Dashboard")[1].Properties, other().templates));
      for (const { AlarmName, AlarmDescription } of alarms) {
        expect(dashboard).toContain(String(AlarmName));
        expect(String(AlarmDescription).split(" ").at(-1)).toBe(runbookLink("https://example.com/runbook", HEADINGS.drill));
      }
    });

    test("have etcd in a layer of the image that comes before the code, and only copies make it", () => {
      const assets = z
        .object({ dockerImages: z.record(z.string(), z.object({ source: z.object({ directory: z.string() }) })) })
        .parse(JSON.parse(readFileSync(join(other().out, "etcd-drill.assets.json"), "utf8")));
      const folders = new Set(Object.values(assets.dockerImages).map(({ source }) => join(other().out, source.directory)));
      expect(folders.size).toBe(1);
      const [folder = ""] = folders;
      const lines = readFileSync(join(folder, "Dockerfile"), "utf8").split("\n");
      expect(lines.filter((line) => /^(COPY|RUN|ADD)/.test(line))).toEqual(["COPY programs/ /opt/lifeboat/", "COPY code/ ."]);
      expect(readFileSync(join(folder, "programs/etcd-3.6/etcd"))).toEqual(ETCD);
      expect(statSync(join(folder, "programs/etcd-3.6/etcd")).mode & 0o777).toBe(0o755);
      // By its whole path: LAMBDA_TASK_ROOT is no folder of the image, and what the function is given counts more than what the image says.
      expect(lines.find((line) => line.startsWith("ENV "))).toContain(" LIFEBOAT_CONFIG=/app/lifeboat.yaml ");
      const [, { Properties }] = theOne(template(), "AWS::Lambda::Function", "DrillsDrill");
      expect(Properties["Environment"]).toEqual({ Variables: { LIFEBOAT_SERVICE: "etcd" } });
      for (const file of ["code/index.mjs", "code/lifeboat.yaml", "programs/kube-decode"])
        expect(existsSync(join(folder, file))).toBe(true);
      expect(statSync(join(folder, "code/lifeboat.yaml")).mode & 0o777).toBe(0o644);
    });
  });
}
