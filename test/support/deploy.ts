import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
} from "@aws-sdk/client-cloudformation";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { App } from "aws-cdk-lib";
import { DEFAULT_CROSS_STACK_REFERENCES } from "aws-cdk-lib/cx-api";
import { zipSync } from "fflate";
import { z } from "zod";
import { AuditStack } from "../../infra/audit-stack.ts";
import { readDeployment } from "../../infra/deployment.ts";
import { DeskStack } from "../../infra/desk-stack.ts";
import { DrillStack } from "../../infra/drill-stack.ts";
import { FleetStack } from "../../infra/fleet-stack.ts";
import { KeeperStack } from "../../infra/keeper-stack.ts";
import { ServiceStack } from "../../infra/service-stack.ts";
import { VaultStack } from "../../infra/vault-stack.ts";
import { until } from "../../tools/lab/until.ts";
import { withTagsWrittenOut } from "./tag-variables.ts";
import { UNPACKED_IMAGE, unpackedImage } from "./unpacked-image.ts";
import { withoutUnknownConditions } from "./unknown-conditions.ts";

/** As `cdk deploy` does, without its bootstrap and its roles: synthesizes in this process, uploads zipped assets, and creates stacks. */

export interface DeployTarget {
  readonly endpoint: string;
  readonly account: string;
  readonly region: string;
  readonly cloudFormation: CloudFormationClient;
  readonly s3: S3Client;
  readonly ssm: SSMClient;
}

/** What CDK's bootstrap of an account leaves, as far as templates ask for it. */
export async function bootstrap({ ssm }: DeployTarget): Promise<void> {
  await ssm.send(new PutParameterCommand({ Name: "/cdk-bootstrap/hnb659fds/version", Value: "30", Type: "String" }));
}

/** Names of the stacks. */
type Stacks = Readonly<Record<"vault" | "service" | "keeper", string>> & Readonly<Record<"audit" | "desk" | "drill", string | undefined>>;

/** Synthesizes what `configFile` describes into `folder`; the audit only where it is asked for, since most tests do without. */
export async function synthesize(configFile: string, folder: string, { audit: withAudit = false } = {}): Promise<Stacks> {
  const deployment = await readDeployment(configFile);
  // As infra/app.ts has it, but for cdk-nag and CDK's own validation, which have nothing to do with what is deployed and take 5 s of CPU.
  const app = new App({
    outdir: folder,
    builtinCloudFormationValidation: false,
    context: { [DEFAULT_CROSS_STACK_REFERENCES]: "strong", "aws:cdk:bundling-stacks": ["**"] },
  });
  const { name } = deployment.service;
  const stack = new VaultStack(app, `${name}-vault`, { deployment });
  const Service = deployment.service.fleet === undefined ? ServiceStack : FleetStack;
  const service = new Service(app, `${name}-service`, { deployment, vault: stack.vault });
  const { notifications } = service;
  const keeper = new KeeperStack(app, `${name}-keeper`, { deployment, vault: stack.vault, notifications });
  const desk = deployment.service.desk.enabled
    ? new DeskStack(app, `${name}-desk`, { deployment, vault: stack.vault, notifications })
    : undefined;
  const audit = withAudit ? new AuditStack(app, `${name}-audit`, { deployment, vault: stack.vault, notifications }) : undefined;
  const drill =
    deployment.drill === undefined
      ? undefined
      : new DrillStack(app, `${name}-drill`, { deployment, drill: deployment.drill, vault: stack.vault, notifications });
  app.synth();
  return {
    vault: stack.stackName,
    service: service.stackName,
    keeper: keeper.stackName,
    audit: audit?.stackName,
    desk: desk?.stackName,
    drill: drill?.stackName,
  };
}

const assetsSchema = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string(), packaging: z.enum(["zip", "file"]) }),
      destinations: z.record(z.string(), z.object({ bucketName: z.string(), objectKey: z.string() })),
    }),
  ),
  dockerImages: z.record(z.string(), z.object({ source: z.object({ directory: z.string() }) })).default({}),
});

/** Uploads the assets of a synthesized stack, creates it, and waits until it is there; the keys of conditions that had to be left out of it. `tagged`: clusters of a fleet, whose roles are to be enforced. */
export async function deploy(
  target: DeployTarget,
  folder: string,
  stack: string,
  tagged: readonly string[] = [],
): Promise<ReadonlySet<string>> {
  const { files, dockerImages } = assetsSchema.parse(JSON.parse(await readFile(join(folder, `${stack}.assets.json`), "utf8")));
  for (const { source, destinations } of Object.values(files)) {
    const path = join(folder, source.path);
    const Body = source.packaging === "zip" ? await zipped(path) : await readFile(path);
    for (const { bucketName, objectKey } of Object.values(destinations)) {
      const Bucket = bucketName.replace("${AWS::AccountId}", target.account);
      await target.s3.send(new CreateBucketCommand({ Bucket })).catch(() => undefined);
      await target.s3.send(new PutObjectCommand({ Bucket, Key: objectKey, Body }));
    }
  }
  const Bucket = `cdk-hnb659fds-assets-${target.account}-${target.region}`;
  await target.s3.send(new CreateBucketCommand({ Bucket })).catch(() => undefined);
  const [image] = Object.values(dockerImages);
  const code = { S3Bucket: Bucket, S3Key: `${stack}.image.zip` };
  if (image !== undefined) {
    const Body = await unpackedImage(join(folder, image.source.directory));
    await target.s3.send(new PutObjectCommand({ Bucket, Key: code.S3Key, Body }));
  }
  const { template, leftOut } = forMiniStack(await readFile(join(folder, `${stack}.template.json`), "utf8"), {
    ...UNPACKED_IMAGE,
    tagged,
    Code: code,
    // Which it tells functions of the runtimes that it has itself.
    AWS_ENDPOINT_URL: target.endpoint,
  });
  // A request takes 51,200 bytes of a template, a bucket's object a megabyte.
  const Key = `${stack}.template.json`;
  await target.s3.send(new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(template) }));
  const TemplateURL = `https://s3.${target.region}.amazonaws.com/${Bucket}/${Key}`;
  const StackName = stack;
  await target.cloudFormation.send(new CreateStackCommand({ StackName, TemplateURL, Capabilities: ["CAPABILITY_NAMED_IAM"] }));
  await until(`${stack} is deployed`, 60_000, async () => {
    const { Stacks: [made] = [] } = await target.cloudFormation.send(new DescribeStacksCommand({ StackName }));
    if (made?.StackStatus === "CREATE_COMPLETE") return true;
    if (made?.StackStatus === "CREATE_IN_PROGRESS") return false;
    const { StackEvents = [] } = await target.cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
    const reasons = StackEvents.flatMap(({ LogicalResourceId, ResourceStatusReason }) =>
      (ResourceStatusReason ?? "") === "" ? [] : [`${LogicalResourceId}: ${ResourceStatusReason}`],
    );
    throw new Error(`${stack} is ${made?.StackStatus}: ${reasons.join("; ")}`);
  });
  return leftOut;
}

const templateSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() })),
});
const policySchema = z.looseObject({ PolicyDocument: z.unknown() });

const imageSchema = z.looseObject({
  PackageType: z.literal("Image"),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
});

/** The template without conditions that MiniStack cannot judge, and with `unpacked` in place of an image. */
function forMiniStack(
  text: string,
  {
    AWS_ENDPOINT_URL,
    tagged,
    ...unpacked
  }: Readonly<Record<"Runtime" | "Handler" | "AWS_ENDPOINT_URL", string>> & { readonly Code: object; readonly tagged: readonly string[] },
): { readonly template: unknown; readonly leftOut: ReadonlySet<string> } {
  const template = templateSchema.parse(JSON.parse(text));
  const conditions = new Set<string>();
  const Resources: Record<string, unknown> = {};
  for (const [id, resource] of Object.entries(template.Resources)) {
    const { Type, Properties = {} } = resource;
    Resources[id] =
      Type === "AWS::IAM::Policy"
        ? { ...resource, Properties: withoutConditions(Properties, conditions, tagged) }
        : Type === "AWS::S3::BucketPolicy"
          ? { ...resource, Properties: withSessions(Properties) }
          : Type === "AWS::Lambda::Function" && Properties["PackageType"] === "Image"
            ? { ...resource, Properties: unpackedFunction(Properties) }
            : resource;
  }
  return { template: { ...template, Resources }, leftOut: conditions };

  function unpackedFunction(properties: Record<string, unknown>): unknown {
    const { PackageType: _image, Environment, ...rest } = imageSchema.parse(properties);
    return { ...rest, ...unpacked, Environment: { Variables: { ...Environment.Variables, AWS_ENDPOINT_URL } } };
  }
}

function withoutConditions(properties: Record<string, unknown>, leftOut: Set<string>, tagged: readonly string[]): unknown {
  const { PolicyDocument, ...rest } = policySchema.parse(properties);
  const judged = withoutUnknownConditions(PolicyDocument, leftOut);
  return { ...rest, PolicyDocument: tagged.length === 0 ? judged : withTagsWrittenOut(judged, tagged) };
}

const bySessionSchema = z.looseObject({
  Statement: z.array(
    z.looseObject({
      Condition: z
        .looseObject({
          ArnNotEquals: z.record(z.string(), z.union([z.array(z.unknown()), z.unknown().transform((one) => [one])])).optional(),
        })
        .optional(),
    }),
  ),
});

/** aws:PrincipalArn of a role's session is the role's ARN in AWS, and the session's in MiniStack: both are named. */
function withSessions(properties: Record<string, unknown>): unknown {
  const { PolicyDocument, ...rest } = policySchema.parse(properties);
  const { Statement, ...document } = bySessionSchema.parse(PolicyDocument);
  const named = Statement.map((statement) => {
    const roles = statement.Condition?.ArnNotEquals?.["aws:PrincipalArn"];
    if (roles === undefined) return statement;
    const sessions = roles.map((role) => `arn:aws:sts::*:assumed-role/${/:role\/([\w+=,.@-]+)/.exec(JSON.stringify(role))?.[1]}/*`);
    return { ...statement, Condition: { ...statement.Condition, ArnNotEquals: { "aws:PrincipalArn": [...roles, ...sessions] } } };
  });
  return { ...rest, PolicyDocument: { ...document, Statement: named } };
}

/** The folder's files as a zip, stored rather than compressed: nobody waits for the way. */
async function zipped(folder: string): Promise<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: Record<string, Uint8Array> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(folder.length + 1)] = await readFile(path);
  }
  return zipSync(files, { level: 0 });
}
