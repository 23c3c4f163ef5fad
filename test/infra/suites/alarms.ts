import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HEADINGS, runbookLink } from "../../../infra/runbook.ts";
import { METRICS } from "../../../shared/contract/service.ts";
import { isAllowed, isDenied, statementsIn } from "../support/policies.ts";
import type { Synthesized, Synths } from "../support/synthesized.ts";
import { ofType, resolve, theOne } from "../support/template.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What is loud. */
export function alarmsSuite({ example, other }: Synths): void {
  describe("alarms", () => {
    const alarm = z.object({
      AlarmName: z.string(),
      AlarmDescription: z.string(),
      AlarmActions: z.array(z.unknown()),
      MetricName: z.string().optional(),
      Namespace: z.string().optional(),
      Period: z.number().optional(),
      EvaluationPeriods: z.number(),
      TreatMissingData: z.string(),
      ComparisonOperator: z.string(),
      Threshold: z.number(),
      Dimensions: z.unknown().optional(),
    });
    const alarmsIn = ({ service }: Synthesized): z.infer<typeof alarm>[] =>
      ofType(service, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => alarm.parse(Properties));

    test("are one of each kind for each cluster, and one for the queue", () => {
      const kinds = [
        "certificate",
        "dissent",
        "duration-backup",
        "duration-verify",
        "failed",
        "keeper",
        "key",
        "lineage",
        "not-verified",
        "order",
        "quarantined",
        "rpo",
        "silent",
        "storage",
        "timed-out",
        "unproven",
        "unverifiable",
        "waits",
      ];
      expect(
        alarmsIn(example())
          .map(({ AlarmName }) => AlarmName)
          .toSorted(),
      ).toEqual([...kinds.map((kind) => `lifeboat-prod-${kind}`), "lifeboat-undelivered"]);
      // How long a task verified is measured by nobody; there are replicas, and one queue.
      expect(alarmsIn(other())).toHaveLength(2 * [...kinds, "replica"].length - 1 + 1);
      expect(alarmsIn(other()).filter(({ AlarmName }) => AlarmName.endsWith("-replica"))).toMatchObject([
        { MetricName: METRICS.replicaFailed, Threshold: 1 },
        { MetricName: METRICS.replicaFailed, Threshold: 1 },
      ]);
      // Else an alarm of the cluster prod could have the name of one of the cluster prod-KIND.
      for (const kind of [...kinds, "replica", "refused"])
        expect([...kinds, "refused", "errors"].filter((suffix) => kind.endsWith(`-${suffix}`))).toEqual([]);
    });

    test("all tell the topic, and lead to a heading of the runbook that says what to look at and what to do", async () => {
      const runbook = await readFile(join(ROOT, "docs/runbook.md"), "utf8");
      const sections = new Map(runbook.split(/^## /m).map((section) => [section.split("\n", 1)[0] ?? "", section]));
      for (const heading of Object.values(HEADINGS)) {
        const section = sections.get(heading) ?? "";
        for (const part of ["**Description.**", "**Investigation.**", "**Resolution.**"])
          expect({ heading, part, there: section.includes(part) }).toEqual({ heading, part, there: true });
      }
      const links = Object.values(HEADINGS).map((heading) => runbookLink(undefined, heading));
      const [topic] = theOne(example().service, "AWS::SNS::Topic");
      for (const { AlarmDescription, AlarmActions } of alarmsIn(example())) {
        expect(links).toContain(AlarmDescription.split(" ").at(-1));
        expect(resolve(AlarmActions, example().templates)).toEqual([`\${${topic}}`]);
      }
      for (const { AlarmDescription } of alarmsIn(other())) expect(AlarmDescription).toContain("https://example.com/runbook#alarm-");
    });

    test("silence is one: missing data breaches for as long as the schedule, its window, a run and the grace may take", () => {
      const named = new Map([...alarmsIn(example()), ...alarmsIn(other())].map((each) => [each.AlarmName, each]));
      const absent = { TreatMissingData: "breaching", ComparisonOperator: "LessThanThreshold", Threshold: 1, Namespace: "AWS/States" };
      // 60 min, 5 min, 172 s and 15 min.
      expect(named.get("lifeboat-prod-silent")).toMatchObject({
        ...absent,
        MetricName: "ExecutionsStarted",
        Period: 300,
        EvaluationPeriods: 17,
      });
      expect(named.get("lifeboat-prod-not-verified")).toMatchObject({
        ...absent,
        MetricName: "ExecutionsSucceeded",
        Period: 300,
        // Another 172 s, and 15 min of the keeper.
        EvaluationPeriods: 21,
      });
      // From Friday 20:30 to Monday 0:30, an hour for the clocks, 172 s and 15 min.
      expect(named.get("etcd-small.one-silent")).toMatchObject({ ...absent, Period: 3600, EvaluationPeriods: 54 });
    });

    test("that the newest good backup is too old is told by who reads the store in a role of its own, as Lambda counts it", () => {
      const { service, templates } = example();
      const [check, { Properties }] = theOne(service, "AWS::Lambda::Function", "prodCheck");
      const named = alarmsIn(example()).find(({ AlarmName }) => AlarmName === "lifeboat-prod-rpo");
      // The rpo of 2 h is looked at six times, and twice in a period: where it is not, the alarm stands.
      expect(named).toMatchObject({
        Namespace: "AWS/Lambda",
        MetricName: "Errors",
        Period: 2400,
        EvaluationPeriods: 1,
        TreatMissingData: "breaching",
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        Threshold: 1,
      });
      expect(resolve(named?.Dimensions, templates)).toEqual([{ Name: "FunctionName", Value: `\${${check}}` }]);
      expect(Properties["VpcConfig"]).toBeUndefined();
      expect(resolve(theOne(service, "AWS::Lambda::EventInvokeConfig")[1].Properties, templates)).toMatchObject({
        FunctionName: `\${${check}}`,
        MaximumRetryAttempts: 0,
      });
      const schedule = ofType(service, "AWS::Scheduler::Schedule").find(
        ([, each]) => each.Properties["Description"] === "etcd-lifeboat: check of prod",
      );
      expect(resolve(schedule?.[1].Properties, templates)).toMatchObject({
        ScheduleExpression: "rate(20 minutes)",
        Target: { Arn: `\${${check}.Arn}`, Input: '{"cluster":"prod"}' },
      });
    });

    test("no alarm of absence rests on a metric that a function writes", () => {
      for (const { AlarmName, Namespace, TreatMissingData } of [...alarmsIn(example()), ...alarmsIn(other())])
        if (TreatMissingData === "breaching")
          expect({ AlarmName, Namespace: Namespace?.startsWith("AWS/") }).toEqual({ AlarmName, Namespace: true });
    });

    test("of the keeper are in its own stack: what it refused of each cluster, and that it failed, as Lambda counts it", () => {
      for (const [{ keeper, templates, service }, names] of [
        [example(), ["lifeboat-keeper-errors", "lifeboat-prod-refused"]],
        [other(), ["etcd-keeper-errors", "etcd-large-refused", "etcd-small.one-refused"]],
      ] as const) {
        const alarms = ofType(keeper, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => alarm.parse(Properties));
        expect(alarms.map(({ AlarmName }) => AlarmName).toSorted()).toEqual(names);
        const [topic] = theOne(service, "AWS::SNS::Topic");
        for (const each of alarms) {
          expect(resolve(each.AlarmActions, templates)).toEqual([`\${${topic}}`]);
          expect(each).toMatchObject({ Threshold: 1, TreatMissingData: "notBreaching" });
          const ofLambda = each.AlarmName.endsWith("-errors");
          expect(each).toMatchObject(
            ofLambda
              ? { Namespace: "AWS/Lambda", MetricName: "Errors" }
              : { Namespace: "EtcdLifeboat", MetricName: METRICS.removalRefused },
          );
          expect(each.AlarmDescription).toContain(
            runbookLink(undefined, ofLambda ? HEADINGS.keeper : HEADINGS.refused).split("#")[1] ?? "",
          );
        }
        const body = String(resolve(theOne(service, "AWS::CloudWatch::Dashboard")[1].Properties["DashboardBody"], templates));
        for (const name of names) expect(body).toContain(`:alarm:${name}`);
      }
    });

    test("stay within what CloudWatch looks back on", () => {
      for (const { Period = 300, EvaluationPeriods, AlarmName } of [...alarmsIn(example()), ...alarmsIn(other())])
        expect({ AlarmName, fits: Period * EvaluationPeriods <= (Period < 3600 ? 86_400 : 604_800) }).toEqual({ AlarmName, fits: true });
    });

    test("look at metrics that the functions write, by service and cluster", () => {
      const written: readonly string[] = Object.values(METRICS);
      const own = alarmsIn(example()).filter(({ Namespace }) => Namespace === "EtcdLifeboat");
      expect(own).toHaveLength(11);
      for (const { MetricName, Dimensions } of own) {
        expect(written).toContain(MetricName);
        expect(Dimensions).toEqual([
          { Name: "cluster", Value: "prod" },
          { Name: "service", Value: "lifeboat" },
        ]);
      }
    });

    test("reach people: CloudWatch and the state machine may publish to a topic that takes TLS alone", () => {
      const [id, { Properties }] = theOne(example().service, "AWS::SNS::TopicPolicy");
      const statements = statementsIn(Properties["PolicyDocument"], example().templates);
      const [topic] = theOne(example().service, "AWS::SNS::Topic");
      const ask = { action: "sns:Publish", resource: `\${${topic}}` };
      expect({
        id,
        allowed: isAllowed(statements, { ...ask, context: { "aws:SourceAccount": "123456789012", "aws:SecureTransport": "true" } }),
      }).toEqual({ id, allowed: true });
      expect(isAllowed(statements, { ...ask, context: { "aws:SourceAccount": "210987654321", "aws:SecureTransport": "true" } })).toBe(
        false,
      );
      expect(isDenied(statements, { ...ask, context: { "aws:SecureTransport": "false" } })).toBe(true);
      const [, key] = theOne(example().service, "AWS::KMS::Key");
      const keyPolicy = statementsIn(key.Properties["KeyPolicy"], example().templates);
      const ofCloudWatch = keyPolicy.filter(({ Principal }) => JSON.stringify(Principal).includes("cloudwatch.amazonaws.com"));
      for (const action of ["kms:GenerateDataKey", "kms:Decrypt"]) expect(isAllowed(ofCloudWatch, { action, resource: "*" })).toBe(true);
      const subscribers = ofType(example().service, "AWS::SNS::Subscription").map((each) => each[1].Properties["Endpoint"]);
      expect(subscribers).toEqual(["oncall@example.com"]);
    });

    test("are all on the dashboard, with every cluster", () => {
      for (const synthesized of [example(), other()]) {
        const body = String(
          resolve(theOne(synthesized.service, "AWS::CloudWatch::Dashboard")[1].Properties["DashboardBody"], synthesized.templates),
        );
        for (const { AlarmName } of alarmsIn(synthesized))
          expect(body).toContain(`arn:aws:cloudwatch:eu-central-1:123456789012:alarm:${AlarmName}`);
        const backups = ofType(synthesized.service, "AWS::Scheduler::Schedule").filter(([, { Properties }]) =>
          String(Properties["Description"]).includes("backup of"),
        );
        for (const [, { Properties }] of backups)
          expect(body).toContain(`"cluster","${String(Properties["Description"]).replace("etcd-lifeboat: backup of ", "")}"`);
      }
    });

    test("logs are kept as long as the configuration says", () => {
      const groups = ofType(example().service, "AWS::Logs::LogGroup").map(([, { Properties }]): readonly [string, unknown] => [
        String(Properties["LogGroupName"]),
        Properties["RetentionInDays"],
      ]);
      expect(Object.fromEntries(groups)).toEqual({
        "/aws/vendedlogs/states/lifeboat-prod": 90,
        "/lifeboat/prod/backup": 90,
        "/lifeboat/prod/check": 90,
        "/lifeboat/prod/verify": 90,
      });
    });
  });
}
