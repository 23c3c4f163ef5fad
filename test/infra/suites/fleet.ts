import { describe, expect, test } from "vitest";
import { z } from "zod";
import { BACKUP_TICK_MS, WATCH_TICK_MS } from "../../../shared/fleet/pace.ts";
import { isAllowed, isDenied, mayAssume, statementsIn, statementsOf } from "../support/policies.ts";
import type { Ask, Statement } from "../support/policies.ts";
import type { Synthesized } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";
import type { Template } from "../support/template.ts";

const BUCKET = "arn:aws:s3:::example-etcd-backups";
const REGION = "eu-central-1:123456789012";

/** A fleet with all that it may have; how many clusters its lifeboat.yaml has is nothing to the templates. */
export function fleetConfig(clusters: number): string {
  const each = Array.from({ length: clusters }, (_, index) => `  c${index}: { endpoints: [https://10.0.0.1:2379] }\n`);
  return `version: 1
store: { kind: s3, bucket: example-etcd-backups, region: eu-central-1, lock: { mode: governance, days: 14 } }
keys: { kind: kms, region: eu-central-1, wrap: alias/w, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b } }
breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas:
  - { name: offsite, store: { kind: s3, bucket: another, region: us-east-1 } }
service:
  name: etcd
  notify: [oncall@example.com]
  secretKeys: ["arn:aws:kms:eu-central-1:123456789012:key/33333333-3333-3333-3333-333333333333"]
  network: { vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], securityGroup: sg-0123456789abcdef0 }
  fleet:
    concurrency: 25
    networks:
      edge: { vpc: vpc-0123456789abcdef1, subnets: [subnet-0123456789abcdef1], securityGroup: sg-0123456789abcdef1, nat: false, routeTables: [rtb-0123456789abcdef1] }
clusters:
${each.join("")}`;
}

const MOST_RESOURCES = 500;

/** That a stack has as many resources for one cluster as for a thousand, and how many those are. */
export function expectConstant(synthesized: Synthesized): void {
  const { service, keeper, audit } = synthesized;
  expect(Object.keys(service.Resources).length).toBeLessThan(MOST_RESOURCES / 3);
  expect({
    schedules: ofType(service, "AWS::Scheduler::Schedule").length,
    functions: ofType(service, "AWS::Lambda::Function").length,
    machines: ofType(service, "AWS::StepFunctions::StateMachine").length,
    // Lifeboat.yaml goes with the code, and is all that differs.
    clusters: [service, keeper, audit].filter((template) => JSON.stringify(template).includes("10.0.0.1")).length,
  }).toEqual({ schedules: 4, functions: 6, machines: 4, clusters: 0 });
}

export function fleetSuite(fleet: () => Synthesized): void {
  describe("a fleet", () => {
    const service = (): Template => fleet().service;
    const roleId = (name: string, template = service()): string => theOne(template, "AWS::IAM::Role", name)[0];
    const rights = (name: string, template = service()): readonly Statement[] =>
      statementsOf(roleId(name, template), template, fleet().templates);
    const S3_VIA = { "kms:ViaService": "s3.eu-central-1.amazonaws.com" };
    /** What a role may, assumed for a cluster. */
    const forCluster =
      (statements: readonly Statement[], cluster: string | undefined) =>
      (action: string, resource: string, context: Ask["context"] = {}): boolean =>
        isAllowed(statements, {
          action,
          resource,
          context: { ...context, ...(cluster === undefined ? {} : { "aws:PrincipalTag/cluster": cluster }) },
        });

    test("of a thousand clusters has the resources of one, and cdk-nag finds nothing", () => {
      expectConstant(fleet());
      expect(fleet().report).not.toContain("AwsSolutions");
    });

    describe("isolation: a run for one cluster touches no other", () => {
      const KINDS = ["data", "snapshots", "verified", "lineage", "acceptances", "custody", "rewraps", "pins", "drills"] as const;
      const purposes = (): readonly (readonly [name: string, Template, role: string, runner: string])[] => [
        ["writer", service(), "FleetWriterRole", "FleetWriterRunner"],
        ["verifier", service(), "FleetVerifierRole", "FleetVerifierRunner"],
        ["keeper", fleet().keeper, "KeeperRole", "KeeperRunner"],
      ];

      test.each([
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:DeleteObjectVersion",
        "s3:PutObjectRetention",
        "s3:GetObjectRetention",
      ])("%s: of the cluster in the tag or of none, whatever the tag is made of", (action) => {
        for (const [name, template, role] of purposes()) {
          const statements = rights(role, template);
          const asked = KINDS.flatMap((kind) => ["prod", "prod2", "pro", "x/prod", "*"].map((of) => `${BUCKET}/clusters/${of}/${kind}/x`));
          const all = [...asked, `${BUCKET}/bundles/other/x`];
          const may = (cluster: string | undefined): readonly string[] => all.filter((key) => forCluster(statements, cluster)(action, key));
          for (const key of may("prod")) expect({ name, key, is: key.startsWith(`${BUCKET}/clusters/prod/`) }).toMatchObject({ is: true });
          // Without the tag, and with one that tries to be a pattern or a path, none of another's.
          for (const tag of [undefined, "", "p?od", "../prod", "/", "."])
            expect({ name, tag, may: may(tag) }).toEqual({ name, tag, may: [] });
          expect(may("*").filter((key) => !key.startsWith(`${BUCKET}/clusters/*/`))).toEqual([]);
        }
      });

      test("has what a role of one cluster has, no more and no less", () => {
        const may = (role: string, template: Template, action: string): readonly string[] =>
          KINDS.filter((kind) => forCluster(rights(role, template), "prod")(action, `${BUCKET}/clusters/prod/${kind}/x`));
        expect(may("FleetWriterRole", service(), "s3:GetObject")).toEqual(["snapshots", "verified", "lineage", "acceptances", "custody"]);
        expect(may("FleetWriterRole", service(), "s3:PutObject")).toEqual(["data", "snapshots", "lineage", "custody"]);
        expect(may("FleetVerifierRole", service(), "s3:GetObject")).toEqual(KINDS);
        expect(may("FleetVerifierRole", service(), "s3:PutObject")).toEqual(["verified", "custody"]);
        expect(may("KeeperRole", fleet().keeper, "s3:DeleteObjectVersion")).toEqual([
          "data",
          "snapshots",
          "verified",
          "rewraps",
          "pins",
          "drills",
        ]);
        expect(may("KeeperRole", fleet().keeper, "s3:PutObject")).toEqual([]);
        for (const [, template, role] of purposes())
          expect(
            rights(role, template)
              .flatMap(({ Action }) => Action)
              .filter((action) => action.includes("*")),
          ).toEqual([]);
      });

      test("wraps and unwraps by the encryption context of the tag alone, and each by its own key", () => {
        const { vault } = fleet();
        const key = (name: string): string => `\${${theOne(vault, "AWS::KMS::Key", name)[0]}.Arn}`;
        const context = (cluster: string) => ({ "kms:EncryptionContext:cluster": cluster });
        const [writer, verifier] = [forCluster(rights("FleetWriterRole"), "prod"), forCluster(rights("FleetVerifierRole"), "prod")];
        const wrap = key("VaultWrappingKey");
        expect([writer("kms:Encrypt", wrap, context("prod")), writer("kms:Encrypt", wrap, context("other"))]).toEqual([true, false]);
        expect([verifier("kms:Decrypt", wrap, context("prod")), verifier("kms:Decrypt", wrap, context("other"))]).toEqual([true, false]);
        expect([writer("kms:Decrypt", wrap, context("prod")), writer("kms:Decrypt", wrap, { ...context("prod"), ...S3_VIA })]).toEqual([
          false,
          false,
        ]);
        expect(forCluster(rights("FleetVerifierRole"), undefined)("kms:Decrypt", wrap, context("prod"))).toBe(false);
        expect(
          [writer, verifier].map((may) =>
            ["VaultSnapshotKey", "VaultAuditKey", "VaultBundleKey"].filter((each) => may("kms:Sign", key(each))),
          ),
        ).toEqual([["VaultSnapshotKey"], ["VaultAuditKey"]]);
        const keeper = forCluster(rights("KeeperRole", fleet().keeper), "prod");
        expect([keeper("kms:Decrypt", wrap, context("prod")), keeper("kms:Sign", key("VaultAuditKey"))]).toEqual([false, false]);
      });

      test("reads the secrets below its own name, and the writer none of the verifier's", () => {
        const secret = (name: string): string => `arn:aws:secretsmanager:${REGION}:secret:${name}-AbCdEf`;
        const parameter = (name: string): string => `arn:aws:ssm:${REGION}:parameter/${name}`;
        const names = ["etcd/prod/etcd", "etcd/prod/verify/etcd", "etcd/prod2/etcd", "etcd/other/etcd", "other/prod/etcd", "etcd/prod"];
        const may = (role: string, cluster: string | undefined): readonly (readonly string[])[] => [
          names.filter((name) => forCluster(rights(role), cluster)("secretsmanager:GetSecretValue", secret(name))),
          names.filter((name) => forCluster(rights(role), cluster)("ssm:GetParameter", parameter(name))),
        ];
        const both = (found: readonly string[]): readonly (readonly string[])[] => [found, found];
        expect(may("FleetWriterRole", "prod")).toEqual(both(["etcd/prod/etcd"]));
        expect(may("FleetVerifierRole", "prod")).toEqual(both(["etcd/prod/etcd", "etcd/prod/verify/etcd"]));
        expect(may("FleetWriterRole", undefined)).toEqual(both([]));
      });

      test("a role is assumed by its own function alone, and only with the tag of a cluster", () => {
        for (const [name, template, role, runner] of purposes()) {
          const id = roleId(role, template);
          const principal = `\${${roleId(runner, template)}.Arn}`;
          const may = (tags: Readonly<Record<string, string>>, who = principal): boolean =>
            mayAssume(id, template, fleet().templates, { principal: who, tags });
          expect({ name, tagged: may({ cluster: "prod" }) }).toEqual({ name, tagged: true });
          const refused: readonly Readonly<Record<string, string>>[] = [{}, { cluster: "" }, { team: "a" }, { cluster: "prod", team: "a" }];
          for (const tags of refused) expect({ name, tags, may: may(tags) }).toEqual({ name, tags, may: false });
          for (const [, other, , otherRunner] of purposes().filter((each) => each[0] !== name))
            expect(may({ cluster: "prod" }, `\${${roleId(otherRunner, other)}.Arn}`)).toBe(false);
          for (const who of ["lambda.amazonaws.com", "arn:aws:iam::123456789012:root"]) expect(may({ cluster: "prod" }, who)).toBe(false);

          // The function itself may do that, write its log, and nothing else.
          const own = rights(runner, template).filter(({ Action }) => !Action.every((action) => /^(?:logs|ec2):/.test(action)));
          expect(new Set(own.flatMap(({ Action }) => Action))).toEqual(new Set(["sts:AssumeRole", "sts:TagSession"]));
          const assume = (tags: Ask["context"]): boolean =>
            isAllowed(own, { action: "sts:AssumeRole", resource: `\${${id}.Arn}`, ...(tags === undefined ? {} : { context: tags }) });
          expect([assume({ "aws:RequestTag/cluster": "prod", "aws:TagKeys": ["cluster"] }), assume({})]).toEqual([true, false]);
        }
      });

      test("nobody of the service puts a list of clusters, or removes one", () => {
        const list = `${BUCKET}/fleet/7.json`;
        const all = [
          ...["FleetWriterRole", "FleetVerifierRole", "FleetPlanRole", "FleetWatchRole", "FleetWriterRunner", "FleetVerifierRunner"].map(
            (name) => rights(name),
          ),
          rights("KeeperRole", fleet().keeper),
          rights("AuditRole", fleet().audit),
        ];
        for (const statements of all)
          for (const cluster of ["prod", "fleet", "../fleet"])
            for (const action of ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectRetention"])
              expect(forCluster(statements, cluster)(action, list)).toBe(false);
        expect(forCluster(rights("FleetPlanRole"), undefined)("s3:GetObject", list)).toBe(true);
        const policy = theOne(fleet().vault, "AWS::S3::BucketPolicy", "VaultBucket")[1].Properties["PolicyDocument"];
        const denied = statementsIn(policy, fleet().templates).filter(({ Effect }) => Effect === "Deny");
        const resource = `\${${theOne(fleet().vault, "AWS::S3::Bucket", "VaultBucket")[0]}.Arn}/fleet/7.json`;
        const tls = { "aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "s3:ObjectCreationOperation": "true" };
        const isDeniedTo = (action: string, context: Ask["context"]): boolean =>
          isDenied(denied, { action, resource, context: { ...tls, ...context } });
        expect(isDeniedTo("s3:PutObject", {})).toBe(true);
        expect(isDeniedTo("s3:PutObject", { "s3:if-none-match": "*" })).toBe(false);
        expect(isDeniedTo("s3:DeleteObjectVersion", { "aws:PrincipalArn": "arn:aws:iam::123456789012:role/etcd-keeper" })).toBe(true);
      });

      test("the planner reads the list alone, and the watch what is said of snapshots", () => {
        const plan = forCluster(rights("FleetPlanRole"), undefined);
        const watch = forCluster(rights("FleetWatchRole"), undefined);
        for (const kind of KINDS) expect(plan("s3:GetObject", `${BUCKET}/clusters/prod/${kind}/x`)).toBe(false);
        expect(KINDS.filter((kind) => watch("s3:GetObject", `${BUCKET}/clusters/prod/${kind}/x`))).toEqual([
          "snapshots",
          "verified",
          "lineage",
          "acceptances",
          "custody",
        ]);
        expect(watch("s3:PutObject", `${BUCKET}/report/watch.json`)).toBe(true);
        expect(watch("s3:PutObject", `${BUCKET}/report/report.html`)).toBe(false);
      });
    });

    describe("its schedules and state machines", () => {
      const machine = (name: string) => {
        const found = ofType(service(), "AWS::StepFunctions::StateMachine").find(
          ([, { Properties }]) => Properties["StateMachineName"] === name,
        );
        return definitionSchema.parse(JSON.parse(String(resolve(found?.[1].Properties["DefinitionString"], fleet().templates))));
      };

      test("a state machine in each network goes over who is due there, so many at once, and one that fails stops nobody", () => {
        for (const network of ["default", "edge"]) {
          const { States } = machine(`etcd-fleet-${network}`);
          expect(States["Clusters"]).toMatchObject({
            Type: "Map",
            ItemsPath: "$.due",
            MaxConcurrency: 25,
            ToleratedFailurePercentage: 100,
            ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" }, StartAt: "Backup" },
            ResultPath: null,
          });
        }
      });

      test.each(["etcd-fleet-default", "etcd-fleet-edge", "etcd-fleet-keep", "etcd-fleet-watch"])("%s is a whole definition", (name) => {
        const check = ({ StartAt, States }: Machine): void => {
          expect(Object.keys(States)).toContain(StartAt);
          const reached = new Set([StartAt, ...Object.values(States).flatMap(nextOf)]);
          expect(new Set(Object.keys(States))).toEqual(reached);
          for (const [state, each] of Object.entries(States)) {
            const ends = each.Type === "Succeed" || each.Type === "Fail" || each.End === true;
            expect({ state, ends: ends || each.Next !== undefined || each.Default !== undefined }).toEqual({ state, ends: true });
            // JSONPath is for the maps alone, whose items an emulator takes by no other way.
            if (each.Type === "Task" || JSON.stringify({ ...each, ItemProcessor: undefined }).includes("{%"))
              expect({ state, language: each.QueryLanguage }).toEqual({ state, language: "JSONata" });
            if (each.ItemProcessor !== undefined) check(each.ItemProcessor);
          }
        };
        check(machine(name));
      });

      test("ticks are multiples of the hour's minutes, whenever it was deployed", () => {
        const schedules = ofType(service(), "AWS::Scheduler::Schedule").map(([, { Properties }]) =>
          scheduleSchema.parse(resolve(Properties, [])),
        );
        const backups = `cron(0/${BACKUP_TICK_MS / 60_000} * * * ? *)`;
        const tick = "<aws.scheduler.scheduled-time>";
        expect(new Set(schedules.map(({ ScheduleExpression, Target }) => `${ScheduleExpression} ${Target.Input}`))).toEqual(
          new Set([
            `cron(0/${WATCH_TICK_MS / 60_000} * * * ? *) {}`,
            `${backups} ${JSON.stringify({ round: "backup", network: "default", tick })}`,
            `${backups} ${JSON.stringify({ round: "backup", network: "edge", tick })}`,
            `cron(0 * * * ? *) ${JSON.stringify({ round: "keep", tick })}`,
          ]),
        );
      });

      test("may start children of its own, and those alone", () => {
        for (const [id, { Properties }] of ofType(service(), "AWS::StepFunctions::StateMachine")) {
          const role = String(resolve(Properties["RoleArn"], [])).slice(2, -".Arn}".length);
          const statements = statementsOf(role, service(), fleet().templates);
          const [own, other] = [String(Properties["StateMachineName"]), "etcd-fleet-other"];
          const may = (name: string): boolean =>
            isAllowed(statements, { action: "states:StartExecution", resource: `arn:aws:states:${REGION}:stateMachine:${name}` });
          expect({ id, own: may(own), other: may(other) }).toEqual({ id, own: own !== "etcd-fleet-watch", other: false });
        }
      });

      test("functions know that they are a fleet's, and which role is theirs", () => {
        const environments = ofType(service(), "AWS::Lambda::Function").map(([id, { Properties }]) => {
          const { Variables } = z.object({ Variables: z.record(z.string(), z.unknown()) }).parse(Properties["Environment"]);
          return [id.replace(/Function.*$/, ""), resolve(Variables, [])] as const;
        });
        const role = (name: string): string => `\${${roleId(name)}.Arn}`;
        expect(Object.fromEntries(environments)).toMatchObject({
          Fleetdefaultbackup: { LIFEBOAT_FLEET: "1", LIFEBOAT_ROLE: role("FleetWriterRole") },
          Fleetedgeverify: { LIFEBOAT_FLEET: "1", LIFEBOAT_ROLE: role("FleetVerifierRole") },
          FleetPlan: { LIFEBOAT_FLEET: "1" },
        });
        for (const [id, variables] of environments.filter(([each]) => /Plan|Watch/.test(each)))
          expect({ id, ...Object(variables) }).not.toHaveProperty("LIFEBOAT_ROLE");
      });
    });

    test("is loud where a round is silent or fails, a cluster is missed, or a list is not believed", () => {
      const alarms = new Map(
        ofType(service(), "AWS::CloudWatch::Alarm").map(([, { Properties }]) => [String(Properties["AlarmName"]), Properties]),
      );
      for (const name of ["default", "edge", "keep", "watch"]) {
        expect(alarms.get(`etcd-fleet-${name}-silent`)).toMatchObject({ TreatMissingData: "breaching", MetricName: "ExecutionsStarted" });
        expect(alarms.get(`etcd-fleet-${name}-failed`)).toMatchObject({ MetricName: "ExecutionsFailed", Threshold: 1 });
      }
      expect(alarms.get("etcd-fleet-missed")).toMatchObject({
        MetricName: "ClustersMissed",
        Dimensions: [{ Name: "service", Value: "etcd" }],
        Threshold: 1,
        OKActions: expect.any(Array) as unknown,
      });
      expect(alarms.get("etcd-fleet-lists")).toMatchObject({ MetricName: "ListsUnbelieved" });
    });
  });
}

const stateSchema = z.looseObject({
  Type: z.string(),
  QueryLanguage: z.string().optional(),
  Next: z.string().optional(),
  Default: z.string().optional(),
  End: z.boolean().optional(),
  Choices: z.array(z.looseObject({ Next: z.string() })).default([]),
  Catch: z.array(z.looseObject({ Next: z.string() })).default([]),
  get ItemProcessor() {
    return definitionSchema.optional();
  },
});
const definitionSchema = z.looseObject({ StartAt: z.string(), States: z.record(z.string(), stateSchema) });
type Machine = z.infer<typeof definitionSchema>;

function nextOf({ Next, Default, Choices, Catch }: Machine["States"][string]): readonly string[] {
  return [Next, Default, ...Choices.map((each) => each.Next), ...Catch.map((each) => each.Next)].filter((each) => each !== undefined);
}

const scheduleSchema = z.looseObject({ ScheduleExpression: z.string(), Target: z.looseObject({ Input: z.string() }) });
