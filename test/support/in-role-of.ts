import { KMSClient } from "@aws-sdk/client-kms";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { clientConfig } from "./iam-users.ts";

export interface InRole {
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly lambda: LambdaClient;
}

/** Clients with credentials of the role of the function whose name has `part` in it, at an emulator that enforces roles. */
export async function inRoleOf(stack: MiniStack, part: string): Promise<InRole> {
  const account = await clientConfig(stack, { accessKeyId: "test", secretAccessKey: "test" });
  const { Functions = [] } = await new LambdaClient(account).send(new ListFunctionsCommand({}));
  const RoleArn = Functions.find((each) => each.FunctionName?.includes(part))?.Role;
  const { Credentials } = await new STSClient(account).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "test" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const config = await clientConfig(stack, { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken });
  return { s3: new S3Client({ ...config, forcePathStyle: true }), kms: new KMSClient(config), lambda: new LambdaClient(config) };
}
