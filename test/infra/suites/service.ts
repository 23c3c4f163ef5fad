import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HEADINGS, runbookLink } from "../../../infra/runbook.ts";
import { stateMachineName } from "../../../shared/contract/service.ts";
import { statementsOf } from "../support/policies.ts";
import type { Synthesized, Synths } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const definitionSchema = z.object({
  QueryLanguage: z.string(),
  StartAt: z.string(),
  TimeoutSeconds: z.number(),
  States: z.record(z.string(), z.looseObject({ Type: z.string() })),
});

function definitionOf({ service, templates }: Synthesized, cluster: string): z.infer<typeof definitionSchema> {
  const found = ofType(service, "AWS::StepFunctions::StateMachine").find(([, { Properties }]) =>
    String(Properties["StateMachineName"]).endsWith(`-${cluster}`),
  );
  return definitionSchema.parse(JSON.parse(String(resolve(found?.[1].Properties["DefinitionString"], templates))));
}

/** What runs, when, and where its failures go. */
export function serviceSuite({ example, other }: Synths): void {
  describe("functions", () => {
    test("run Node 24 on arm64 with the memory, storage and time of their database, where they reach etcd", () => {
      const functions = ofType(example().service, "AWS::Lambda::Function").filter(([id]) => !id.startsWith("prodCheck"));
      expect(functions).toHaveLength(2);
      for (const [, { Properties }] of functions)
        expect(Properties).toMatchObject({
          Runtime: "nodejs24.x",
          Architectures: ["arm64"],
          Handler: "index.handler",
          MemorySize: 1769,
          EphemeralStorage: { Size: 512 },
          Timeout: 172,
          Environment: { Variables: { LIFEBOAT_CONFIG: "lifeboat.yaml", LIFEBOAT_SERVICE: "lifeboat" } },
          VpcConfig: { SubnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"], SecurityGroupIds: ["sg-0123456789abcdef0"] },
        });
    });

    test("carry their bundle and the configuration as it is", async () => {
      const assets = (await readdir(example().out)).filter((name) => name.startsWith("asset."));
      expect(assets).toHaveLength(5);
      for (const asset of assets) {
        expect(await readdir(join(example().out, asset))).toEqual(expect.arrayContaining(["index.mjs", "lifeboat.yaml", "node_modules"]));
        expect(await readFile(join(example().out, asset, "lifeboat.yaml"), "utf8")).toBe(
          await readFile(join(ROOT, "examples/lifeboat.yaml"), "utf8"),
        );
      }
    });

    test("without NAT, have endpoints of what they call, and with it none", () => {
      const endpoints = ofType(example().service, "AWS::EC2::VPCEndpoint").map(([, { Properties }]) => [
        resolve(Properties["ServiceName"], example().templates),
        Properties["VpcEndpointType"],
      ]);
      expect(endpoints).toEqual([
        ["com.amazonaws.eu-central-1.s3", "Gateway"],
        ["com.amazonaws.eu-central-1.kms", "Interface"],
        ["com.amazonaws.eu-central-1.sts", "Interface"],
        ["com.amazonaws.eu-central-1.secretsmanager", "Interface"],
      ]);
      expect(ofType(other().service, "AWS::EC2::VPCEndpoint")).toEqual([]);
    });

    test("what does not fit into 15 minutes runs as tasks of Fargate under the same roles, in an image of the same code", async () => {
      const tasks = ofType(other().service, "AWS::ECS::TaskDefinition");
      expect(tasks).toHaveLength(2);
      for (const [, { Properties }] of tasks) {
        expect(Properties).toMatchObject({
          Cpu: "2048",
          Memory: "8192",
          RequiresCompatibilities: ["FARGATE"],
          RuntimePlatform: { CpuArchitecture: "ARM64" },
        });
        expect(JSON.stringify(Properties["TaskRoleArn"])).toMatch(/large(Backup|Verify)Role/);
        expect(JSON.stringify(Properties["ContainerDefinitions"])).toContain('{"Name":"LIFEBOAT_SERVICE","Value":"etcd"}');
      }
      // Backup and verification of the small one, and the two that watch.
      expect(ofType(other().service, "AWS::Lambda::Function")).toHaveLength(4);
      const definition = definitionOf(other(), "large");
      expect(definition.States["Backup"]).toMatchObject({
        Resource: "arn:aws:states:::ecs:runTask.waitForTaskToken",
        Arguments: { LaunchType: "FARGATE", NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: "DISABLED" } } },
      });
      const assets = (await readdir(other().out)).filter((name) => name.startsWith("asset."));
      const dockerfiles = await Promise.all(assets.map((name) => readFile(join(other().out, name, "Dockerfile"), "utf8").catch(() => "")));
      expect(dockerfiles.find((text) => text !== "")).toMatch(/^FROM node:24.*CMD \["node", "index.mjs"\]\n$/s);
    });
  });

  describe("the state machine", () => {
    test("is called as lifeboat invoke expects it, logs everything, and starts nothing but its functions", () => {
      const [id, { Properties }] = theOne(example().service, "AWS::StepFunctions::StateMachine");
      expect(Properties).toMatchObject({
        StateMachineName: stateMachineName("lifeboat", "prod"),
        LoggingConfiguration: { Level: "ALL", IncludeExecutionData: true },
        TracingConfiguration: { Enabled: true },
      });
      const names = ofType(other().service, "AWS::StepFunctions::StateMachine").map((each) =>
        String(each[1].Properties["StateMachineName"]),
      );
      expect(names.toSorted()).toEqual(["etcd-large", "etcd-small_one"]);
      const role = statementsOf(theOne(example().service, "AWS::IAM::Role", id.slice(0, 19))[0], example().service, example().templates);
      const invoked = role.filter(({ Action }) => Action.includes("lambda:InvokeFunction")).flatMap(({ Resource = [] }) => Resource);
      const functions = ofType(example().service, "AWS::Lambda::Function").flatMap(([name]) =>
        name.startsWith("prodCheck") ? [] : [`\${${name}.Arn}`],
      );
      const keeper = "arn:aws:lambda:eu-central-1:123456789012:function:lifeboat-keeper";
      expect(invoked.toSorted()).toEqual([...functions, keeper].toSorted());
      // By name: the stacks import nothing of each other in both directions.
      expect(theOne(example().keeper, "AWS::Lambda::Function")[1].Properties["FunctionName"]).toBe("lifeboat-keeper");
      expect(JSON.stringify(example().service)).not.toContain("lifeboat-keeper:");
    });

    test("leads from backup to verification, and from any failure to people and to an end that fails", () => {
      const { StartAt, States, TimeoutSeconds } = definitionOf(example(), "prod");
      expect(StartAt).toBe("Backup");
      for (const name of ["Backup", "Verify"]) {
        expect(States[name]).toMatchObject({
          Type: "Task",
          Catch: [
            ...(name === "Backup" ? [{ ErrorEquals: ["ref/removed"], Next: "Skipped" }] : []),
            { ErrorEquals: ["States.ALL"], Next: "TellFailure" },
          ],
          TimeoutSeconds: 232,
        });
      }
      expect(States["Backup"]).toMatchObject({ Next: "NeedsAttention" });
      expect(States["NeedsAttention"]).toMatchObject({ Choices: [{ Next: "TellFindings" }], Default: "Verify" });
      expect(States["TellFindings"]).toMatchObject({ Next: "Verify", Catch: [{ Next: "Verify" }] });
      expect(States["Verify"]).toMatchObject({ Next: "Removal" });
      expect(States["Removal"]).toMatchObject({ Choices: [{ Next: "Keeper" }, { Next: "TellRemoval" }], Default: "Done" });
      // Whatever becomes of older snapshots, the new one is verified.
      expect(States["Keeper"]).toMatchObject({
        Type: "Task",
        Arguments: {
          FunctionName: "arn:aws:lambda:eu-central-1:123456789012:function:lifeboat-keeper",
          Payload: { cluster: "{% $states.input.verify.cluster %}" },
        },
        TimeoutSeconds: 960,
        Catch: [{ ErrorEquals: ["States.ALL"], Next: "TellRemoval" }],
        Next: "RemovalAttention",
      });
      expect(States["RemovalAttention"]).toMatchObject({ Choices: [{ Next: "TellRemoval" }], Default: "Done" });
      expect(States["TellRemoval"]).toMatchObject({ Next: "Done", Catch: [{ Next: "Done" }] });
      expect(States["Done"]).toMatchObject({ Type: "Succeed" });
      expect(States["TellFailure"]).toMatchObject({ Next: "Failed", Catch: [{ Next: "Failed" }] });
      expect(States["Failed"]).toMatchObject({ Type: "Fail" });
      // Three attempts each of 232 s (the keeper's: 960 s) with 30 s and 60 s between them, eight starts that found no room with 10 s up to 120 s between, and a minute.
      const pauses = 90 + (10 + 20 + 40 + 80 + 4 * 120);
      expect(TimeoutSeconds).toBe(2 * (3 * 232 + pauses) + (3 * 960 + pauses) + 60);
    });

    test("tries again only what our codes call retryable, and what AWS's own answer is", () => {
      const { States } = definitionOf(example(), "prod");
      for (const name of ["Backup", "Verify", "Keeper"]) {
        const { Retry } = z
          .object({ Retry: z.array(z.object({ ErrorEquals: z.array(z.string()), MaxAttempts: z.number() })) })
          .parse(States[name]);
        const codes = Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
        expect(codes).toEqual(expect.arrayContaining(["etcd/unreachable", "etcd/no-member", "store/failed", "keys/throttled", "busy"]));
        for (const code of [
          "States.ALL",
          "States.TaskFailed",
          "etcd/auth",
          "etcd/denied",
          "keys/disabled",
          "verify/signature",
          "config/invalid",
          "deadline",
          "unexpected",
        ])
          expect(codes).not.toContain(code);
        expect(codes.filter((code) => code.startsWith("Lambda."))).toHaveLength(4);
        expect(Retry.map(({ MaxAttempts }) => MaxAttempts)).toEqual([2, 8]);
        // Many clusters may be due at once, and an account's functions are few: AWS has room later.
        expect(Retry[1]?.ErrorEquals).toContain("Lambda.TooManyRequestsException");
      }
    });

    test("names the runbook's place in every notice", () => {
      const text = JSON.stringify(definitionOf(other(), "large"));
      for (const heading of [HEADINGS.attention, HEADINGS.removal, HEADINGS.failed, HEADINGS.key, HEADINGS.verifyFailed])
        expect(text).toContain(runbookLink("https://example.com/runbook", heading));
    });
  });

  describe("a schedule", () => {
    test("starts the state machine with the scheduled time as its slot, and keeps what it could not deliver", () => {
      const [, { Properties }] = theOne(example().service, "AWS::Scheduler::Schedule", "prodStart");
      const [machine] = theOne(example().service, "AWS::StepFunctions::StateMachine");
      const [queue] = theOne(example().service, "AWS::SQS::Queue");
      expect(resolve(Properties, example().templates)).toMatchObject({
        ScheduleExpression: "rate(1 hour)",
        ScheduleExpressionTimezone: "UTC",
        FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 5 },
        Target: {
          Arn: `\${${machine}}`,
          Input: JSON.stringify({ cluster: "prod", slot: "<aws.scheduler.scheduled-time>" }),
          DeadLetterConfig: { Arn: `\${${queue}.Arn}` },
          RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 },
        },
      });
      expect(Properties).not.toHaveProperty("State", "DISABLED");
    });

    test("the keeper has one of a day for each cluster, also while no backup runs, and may be called by nobody else's", () => {
      const { keeper, templates } = other();
      const [made] = theOne(keeper, "AWS::Lambda::Function");
      const daily = ofType(keeper, "AWS::Scheduler::Schedule").map(([, { Properties }]) => resolve(Properties, templates));
      expect(daily).toMatchObject(
        ["small.one", "large"].map((cluster) => ({
          ScheduleExpression: "rate(1 day)",
          Target: { Arn: `\${${made}.Arn}`, Input: JSON.stringify({ cluster }) },
        })),
      );
      expect(ofType(keeper, "AWS::Lambda::Permission")).toEqual([]);
      expect(theOne(keeper, "AWS::Lambda::Function")[1].Properties).toMatchObject({ Timeout: 900, MemorySize: 1024 });
    });

    test("there is one for each cluster, in its time zone", () => {
      const backups = ofType(other().service, "AWS::Scheduler::Schedule").filter(([id]) => !id.includes("Check"));
      const found = backups.map(([, { Properties: each }]) => [
        each["ScheduleExpression"],
        each["ScheduleExpressionTimezone"],
        each["FlexibleTimeWindow"],
      ]);
      expect(found).toEqual([
        ["cron(30 0,4,8,12,16,20 ? * MON,TUE,WED,THU,FRI *)", "Europe/Berlin", { Mode: "OFF" }],
        ["rate(12 hours)", "UTC", { Mode: "OFF" }],
      ]);
    });

    test("may start its own state machine alone", () => {
      const [role] = theOne(example().service, "AWS::IAM::Role", "prodStart");
      const statements = statementsOf(role, example().service, example().templates);
      const [machine] = theOne(example().service, "AWS::StepFunctions::StateMachine");
      expect(statements.map(({ Action, Resource }) => [Action, Resource])).toEqual([
        [["states:StartExecution"], [`\${${machine}}`]],
        [["sqs:SendMessage"], [expect.stringMatching(/^\$\{NoticesUndelivered/)]],
      ]);
    });
  });
}
