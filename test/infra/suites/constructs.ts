import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { App, Duration, Size, Stack, Validations } from "aws-cdk-lib";
import { Template as Assertions } from "aws-cdk-lib/assertions";
import { SecurityGroup, Vpc } from "aws-cdk-lib/aws-ec2";
import { Key } from "aws-cdk-lib/aws-kms";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Topic } from "aws-cdk-lib/aws-sns";
import { AwsSolutionsChecks } from "cdk-nag";
import { describe, expect, test } from "vitest";
import { ClusterBackup, clusterBackupProps, Keeper, Notifications, readDeployment, SnapshotVault, TaskHost } from "../../../infra/index.ts";
import type { ClusterBackupProps, Configuration, ISnapshotVault } from "../../../infra/index.ts";
import { messageOf } from "../../../shared/errors.ts";
import { configText } from "../support/config-text.ts";
import { isAllowed, statementsIn, statementsOf } from "../support/policies.ts";
import { ofType, parseTemplate, resolve, theOne } from "../support/template.ts";
import type { Template } from "../support/template.ts";

const KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111";

/** The constructs by their own props, in an app of somebody's own: bucket, topic, network, secret and replica are the app's. */
export function constructsSuite(folder: () => string): void {
  describe("constructs in an app of somebody's own", () => {
    function newStack(): Stack {
      const app = new App({ outdir: join(folder(), "own"), analyticsReporting: false, builtinCloudFormationValidation: false });
      return new Stack(app, "own", { env: { region: "eu-central-1" } });
    }

    async function configuration(changes: Readonly<Record<string, string>> = {}): Promise<Configuration> {
      const file = join(folder(), "own.yaml");
      await writeFile(file, configText(changes));
      return (await readDeployment(file, { ownNetwork: true })).configuration;
    }

    function existingVault(stack: Stack): ISnapshotVault {
      const key = Key.fromKeyArn(stack, "There", KEY);
      return SnapshotVault.fromAttributes({
        bucket: new Bucket(stack, "Mine"),
        prefix: "etcd/",
        lockDays: 7,
        wrappingKey: key,
        signingKeys: { snapshot: key, audit: key, bundle: key },
      });
    }

    function templateOf(stack: Stack): Template {
      return parseTemplate(Assertions.fromStack(stack).toJSON());
    }

    test.each([
      [undefined, "s3:DeleteObjectVersion", "s3:DeleteObject"],
      [false, "s3:DeleteObject", "s3:DeleteObjectVersion"],
    ])("a keeper of a bucket whose versions are %s may %s and not %s, and removes no log", async (versioned, remove, other) => {
      const stack = newStack();
      const { alarmNames } = new Keeper(stack, "Keeper", {
        configuration: await configuration(),
        vault: existingVault(stack),
        notifications: new Notifications(stack, "Told"),
        ...(versioned === undefined ? {} : { versioned }),
      });
      expect(alarmNames.length).toBeGreaterThan(0);
      const template = templateOf(stack);
      const role = statementsOf(theOne(template, "AWS::IAM::Role", "KeeperRole")[0], template, [template]);
      const bucketArn = `\${${theOne(template, "AWS::S3::Bucket")[0]}.Arn}`;
      const may = (action: string, key: string): boolean => isAllowed(role, { action, resource: `${bucketArn}/etcd/clusters/prod/${key}` });
      expect([may(remove, "data/x"), may(remove, "custody/x"), may(other, "data/x")]).toEqual([true, false, false]);
    });

    /** What cdk-nag finds, as an app that runs it reports it. */
    function findingsIn(stack: Stack): readonly string[] {
      Validations.of(stack.node.root).addPlugins(new AwsSolutionsChecks(stack.node.root));
      try {
        (stack.node.root as App).synth({ force: true });
        return [];
      } catch (error) {
        return messageOf(error).match(/AwsSolutions-\w+/g) ?? [];
      }
    }

    function roleIn(template: Template, name: string): ReturnType<typeof statementsOf> {
      return statementsOf(theOne(template, "AWS::IAM::Role", name)[0], template, [template]);
    }

    test("alarms and state machines publish to the topic that is handed in, and CloudWatch may use its key", async () => {
      const stack = newStack();
      const topic = new Topic(stack, "OnCall", { masterKey: new Key(stack, "OnCallKey") });
      const notifications = new Notifications(stack, "Notifications", { topic, emails: ["oncall@example.com"] });
      expect(notifications.topic).toBe(topic);
      void new ClusterBackup(stack, "prod", {
        cluster: "prod",
        configuration: await configuration(),
        vault: existingVault(stack),
        notifications,
      });
      const template = templateOf(stack);
      const [topicId] = theOne(template, "AWS::SNS::Topic");
      const [keyId, key] = theOne(template, "AWS::KMS::Key");
      const machine = roleIn(template, "prodRunStateMachineRole");
      expect(isAllowed(machine, { action: "sns:Publish", resource: `\${${topicId}}` })).toBe(true);
      expect(isAllowed(machine, { action: "kms:GenerateDataKey", resource: `\${${keyId}.Arn}` })).toBe(true);
      const alarms = ofType(template, "AWS::CloudWatch::Alarm");
      expect(alarms.length).toBeGreaterThan(10);
      for (const [, { Properties }] of alarms) expect(resolve(Properties["AlarmActions"], [template])).toEqual([`\${${topicId}}`]);
      const ofKey = statementsIn(key.Properties["KeyPolicy"], [template]).filter(({ Principal }) =>
        JSON.stringify(Principal).includes("cloudwatch.amazonaws.com"),
      );
      expect(isAllowed(ofKey, { action: "kms:GenerateDataKey", resource: "*" })).toBe(true);
      expect(theOne(template, "AWS::SNS::Subscription")[1].Properties).toMatchObject({ Endpoint: "oncall@example.com" });
      // The bucket, the topic and their keys are the app's own affair; of ours nothing is found.
      expect(new Set(findingsIn(stack))).toEqual(new Set(["AwsSolutions-S1", "AwsSolutions-S10", "AwsSolutions-KMS5"]));
    });

    test("roles reach the bucket, its prefix, the secret and its key, and the replica that are handed in, and no other", async () => {
      const stack = newStack();
      const secretKey = new Key(stack, "SecretKey");
      const wrap = KEY.replaceAll("1111", "2222");
      void new ClusterBackup(stack, "prod", {
        cluster: "prod",
        configuration: await configuration(),
        vault: existingVault(stack),
        notifications: new Notifications(stack, "Notifications"),
        secrets: [new Secret(stack, "Password", { encryptionKey: secretKey })],
        replicas: [
          {
            bucket: new Bucket(stack, "Copy", { encryptionKey: new Key(stack, "CopyKey") }),
            prefix: "copy/",
            lockDays: 30,
            wrappingKey: Key.fromKeyArn(stack, "CopyWrap", wrap),
          },
        ],
      });
      const template = templateOf(stack);
      const [backup, verify] = ["Backup", "Verify"].map((name) => roleIn(template, `prod${name}Role`));
      const id = (type: string, name: string): string => `\${${theOne(template, type, name)[0]}`;
      const mine = `${id("AWS::S3::Bucket", "Mine")}.Arn}/etcd/clusters/prod`;
      const copy = `${id("AWS::S3::Bucket", "Copy")}.Arn}/copy/clusters/prod`;
      const may = (statements: typeof backup, action: string, resource: string, context = {}): boolean =>
        isAllowed(statements ?? [], { action, resource, context });
      expect(may(backup, "s3:PutObject", `${mine}/data/x`)).toBe(true);
      expect(may(backup, "s3:PutObject", `${mine.replace("/etcd/", "/")}/data/x`)).toBe(false);
      expect(may(backup, "s3:GetObject", `${mine}/data/x`)).toBe(false);
      expect(may(backup, "s3:PutObject", `${copy}/data/x`)).toBe(false);
      expect(may(verify, "s3:PutObject", `${copy}/data/x`)).toBe(true);
      for (const days of [31, 40])
        expect(may(verify, "s3:PutObjectRetention", `${copy}/data/x`, { "s3:object-lock-remaining-retention-days": String(days) })).toBe(
          days === 31,
        );
      expect(may(backup, "kms:Encrypt", wrap, { "kms:EncryptionContext:cluster": "prod" })).toBe(true);
      const password = id("AWS::SecretsManager::Secret", "Password");
      expect(may(backup, "secretsmanager:GetSecretValue", `${password}}`)).toBe(true);
      // The verifier asks members by the same, where it is handed none of its own.
      expect(may(verify, "secretsmanager:GetSecretValue", `${password}}`)).toBe(true);
      const via = (service: string): object => ({ "kms:ViaService": `${service}.eu-central-1.amazonaws.com` });
      const keyOf = (name: string): string => `${id("AWS::KMS::Key", name)}.Arn}`;
      expect(may(backup, "kms:Decrypt", keyOf("SecretKey"), via("secretsmanager"))).toBe(true);
      expect(may(backup, "kms:Decrypt", keyOf("SecretKey"))).toBe(false);
      expect(may(verify, "kms:GenerateDataKey", keyOf("CopyKey"), via("s3"))).toBe(true);
      // The vault's bucket has none of its own, so there is none to allow.
      expect(backup?.flatMap(({ Sid, Condition }) => [Sid ?? "", JSON.stringify(Condition)]).join()).not.toContain("s3.eu-central-1");
      expect(ofType(template, "AWS::CloudWatch::Alarm").map(([, each]) => each.Properties["AlarmName"])).toContain("lifeboat-prod-replica");
    });

    test.each([[true], [false]])("the verify function has secrets of its own where they are handed in (any: %s)", async (any) => {
      const stack = newStack();
      const [password, own] = [new Secret(stack, "Password"), new Secret(stack, "Own")];
      void new ClusterBackup(stack, "prod", {
        cluster: "prod",
        configuration: await configuration(),
        vault: existingVault(stack),
        notifications: new Notifications(stack, "Notifications"),
        secrets: [password],
        verifySecrets: any ? [own] : [],
      });
      const template = templateOf(stack);
      const reads = (role: string): readonly string[] =>
        ["Password", "Own"].filter((name) =>
          isAllowed(roleIn(template, `prod${role}Role`), {
            action: "secretsmanager:GetSecretValue",
            resource: `\${${theOne(template, "AWS::SecretsManager::Secret", name)[0]}}`,
          }),
        );
      expect([reads("Backup"), reads("Verify")]).toEqual([["Password"], any ? ["Own"] : []]);
    });

    test("functions and tasks run in the VPC that is handed in", async () => {
      const stack = newStack();
      const vpc = new Vpc(stack, "Vpc", { maxAzs: 2 });
      const network = { vpc, securityGroup: new SecurityGroup(stack, "Clients", { vpc }) };
      const conf = await configuration({ SERVICE: "{ databaseSize: 60GiB }", RPO: "1d" });
      const common = { cluster: "prod", configuration: conf, vault: existingVault(stack), network };
      const notifications = new Notifications(stack, "Notifications");
      void new ClusterBackup(stack, "small", { ...common, notifications, serviceName: "small" });
      const tasks = new TaskHost(stack, "Tasks", { configuration: conf, network });
      const large: ClusterBackupProps = { ...common, notifications, databaseSize: Size.gibibytes(60), rpo: Duration.days(1) };
      expect(() => new ClusterBackup(stack, "no-tasks", large)).toThrow("prod may take more than the 15 minutes of a function");
      stack.node.tryRemoveChild("no-tasks");
      void new ClusterBackup(stack, "large", {
        ...large,
        tasks,
        schedule: { cron: "30 2 * * *", timeZone: "Europe/Berlin" },
        rpo: Duration.days(3),
      });
      const template = templateOf(stack);
      const subnets = vpc.privateSubnets.map(({ node }) => `\${${theOne(template, "AWS::EC2::Subnet", `Vpc${node.id}`)[0]}}`);
      expect(subnets).toHaveLength(2);
      const [group] = theOne(template, "AWS::EC2::SecurityGroup", "Clients");
      const [, { Properties }] = theOne(template, "AWS::Lambda::Function", "smallBackup");
      expect(resolve(Properties["VpcConfig"], [template])).toEqual({ SubnetIds: subnets, SecurityGroupIds: [`\${${group}.GroupId}`] });
      const machine = theOne(template, "AWS::StepFunctions::StateMachine", "large")[1].Properties;
      const definition = String(resolve(machine["DefinitionString"], [template]));
      for (const id of [...subnets, `\${${group}.GroupId}`]) expect(definition).toContain(id);
      const schedules = ofType(template, "AWS::Scheduler::Schedule").map(([, each]) => each.Properties["ScheduleExpression"]);
      expect(schedules).toContain("cron(30 2 * * ? *)");
    });

    test("what is left out is what lifeboat.yaml has by default", async () => {
      const file = join(folder(), "own.yaml");
      await writeFile(file, configText({ SCHEDULE: "{ rate: 1h }" }));
      const deployment = await readDeployment(file);
      const made = (props: (stack: Stack) => Omit<ClusterBackupProps, "vault" | "notifications">): unknown => {
        const stack = newStack();
        const notifications = new Notifications(stack, "Notifications");
        void new ClusterBackup(stack, "prod", { ...props(stack), vault: existingVault(stack), notifications });
        return Assertions.fromStack(stack).toJSON();
      };
      expect(made(() => ({ cluster: "prod", configuration: deployment.configuration }))).toEqual(
        made((stack) => clusterBackupProps(stack, deployment, "prod")),
      );
    });

    test("what cannot be is refused in words of the props", async () => {
      const stack = newStack();
      const common = { configuration: await configuration(), vault: existingVault(stack), notifications: new Notifications(stack, "N") };
      expect(() => new ClusterBackup(stack, "a", { ...common, cluster: "other" })).toThrow(/own\.yaml has no cluster other$/);
      expect(() => new ClusterBackup(stack, "b", { ...common, cluster: "prod", schedule: { rate: Duration.seconds(90) } })).toThrow(
        "prod: schedule: is no whole number of minutes, and AWS takes nothing finer",
      );
      expect(() => new ClusterBackup(stack, "c", { ...common, cluster: "prod", rpo: Duration.minutes(30) })).toThrow(
        "prod: rpo: 66 minutes can lie between two verified backups",
      );
      const keys = {
        bucketKey: "lifeboat",
        wrappingKey: "alias/w",
        signingKeys: { snapshot: "alias/s", audit: "alias/a", bundle: "alias/b" },
      };
      expect(() => new SnapshotVault(stack, "Vault", { bucketName: "bucket", ...keys })).toThrow(
        'own/Vault: "lifeboat" is no alias for a new key',
      );
    });
  });
}
