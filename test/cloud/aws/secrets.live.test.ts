import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { AwsSecrets } from "../../../shared/cloud/aws/secrets.ts";
import { startMiniStack, type MiniStack } from "../../../tools/lab/ministack.ts";
import { awsProxy } from "../../support/aws-proxy.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";

const SECRET = "hunter2-hunter2";
let stack: MiniStack;
let arn: string | undefined;

beforeAll(async () => {
  stack = await startMiniStack();
  const config = { endpoint: stack.endpoint, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  const secrets = new SecretsManagerClient({ ...config, region: stack.region });
  await secrets.send(
    new CreateSecretCommand({ Name: "prod/etcd", SecretString: JSON.stringify({ username: "root", password: SECRET, port: 1 }) }),
  );
  await secrets.send(new CreateSecretCommand({ Name: "prod/plain", SecretString: `{"${SECRET}` }));
  await secrets.send(new CreateSecretCommand({ Name: "prod/binary", SecretBinary: Buffer.from(SECRET) }));
  const far = new SecretsManagerClient({ ...config, region: "us-east-1" });
  arn = (await far.send(new CreateSecretCommand({ Name: "far", SecretString: "from afar" }))).ARN;
  await new SSMClient({ ...config, region: stack.region }).send(
    new PutParameterCommand({ Name: "/prod/etcd", Value: SECRET, Type: "SecureString" }),
  );
  // The SDK takes both from there by itself.
  for (const [name, value] of Object.entries({ ...stack.environment, AWS_ENDPOINT_URL: stack.endpoint })) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await stack.stop();
});

test("a secret is read whole, by field, by ARN in its own region, or from bytes", async () => {
  const source = new AwsSecrets(stack.region);
  const read = (name: string, field?: string) => source.read({ service: "secretsmanager", name, field }, "auth.password");
  expect(await read("prod/etcd", "password")).toBe(SECRET);
  expect(await read("prod/etcd", "username")).toBe("root");
  expect(JSON.parse(await read("prod/etcd"))).toEqual({ username: "root", password: SECRET, port: 1 });
  expect(await read("prod/binary")).toBe(SECRET);
  expect(await read(arn ?? "")).toBe("from afar");
  // Without a region of the configuration's, the SDK's own.
  expect(await new AwsSecrets(undefined).read({ service: "secretsmanager", name: "prod/etcd", field: "password" }, "s")).toBe(SECRET);
});

test("a parameter is decrypted", async () => {
  expect(await new AwsSecrets(stack.region).read({ service: "ssm", name: "/prod/etcd", field: undefined }, "auth.password")).toBe(SECRET);
});

test.each([
  ["secretsmanager", "nowhere", undefined, "auth.password refers to the secret nowhere, which is not in Secrets Manager", "keys.region"],
  ["ssm", "/nowhere", undefined, "auth.password refers to the parameter /nowhere, which is not in the SSM Parameter Store", "keys.region"],
  [
    "secretsmanager",
    "prod/etcd",
    "pasword",
    "auth.password refers to the secret prod/etcd, which has no text in a field pasword",
    "its fields are username, password, port",
  ],
  [
    "secretsmanager",
    "prod/etcd",
    "port",
    "auth.password refers to the secret prod/etcd, which has no text in a field port",
    "its fields are",
  ],
  [
    "secretsmanager",
    "prod/plain",
    "x",
    "auth.password refers to the secret prod/plain, which is no JSON and so has no field x",
    "leave #x out",
  ],
] as const)("%s:%s with field %s is told by name, without its value", async (service, name, field, message, hint) => {
  const failure = await failureOf(new AwsSecrets(stack.region).read({ service, name, field }, "auth.password"));
  expect(failure).toMatchObject({ code: "config/secret", message, hint: saying(hint) });
  for (let each: unknown = failure; each instanceof Error; each = each.cause) expect(`${each.message} ${each.stack}`).not.toContain(SECRET);
});

test("a role that may not is told which permission it lacks", async () => {
  await using proxy = await awsProxy(stack.endpoint);
  vi.stubEnv("AWS_ENDPOINT_URL", proxy.endpoint);
  proxy.refuse(1, "AccessDeniedException", 400);
  const failure = await failureOf(
    new AwsSecrets(stack.region).read({ service: "secretsmanager", name: "prod/etcd", field: undefined }, "tls.key"),
  );
  expect(failure).toMatchObject({
    code: "config/secret",
    message: "tls.key refers to the secret prod/etcd, which this role may not read",
    hint: saying("secretsmanager:GetSecretValue"),
  });
  vi.stubEnv("AWS_ENDPOINT_URL", stack.endpoint);
});
