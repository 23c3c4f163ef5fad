import { Agent } from "node:https";
import { readFile } from "node:fs/promises";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import type { MiniStack } from "../../tools/lab/ministack.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What every client of a MiniStack that speaks TLS is made with. */
export async function clientConfig(stack: MiniStack, credentials: Credentials) {
  const ca = stack.caFile === undefined ? undefined : await readFile(stack.caFile);
  return { endpoint: stack.endpoint, region: stack.region, credentials, maxAttempts: 1, requestHandler: { httpsAgent: new Agent({ ca }) } };
}

/** A user with this policy and no other rights. */
export async function newUser(iam: IAMClient, name: string, policy: string): Promise<Credentials> {
  await iam.send(new CreateUserCommand({ UserName: name }));
  await iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName: "role", PolicyDocument: policy }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));
  if (AccessKey?.AccessKeyId === undefined || AccessKey.SecretAccessKey === undefined) throw new Error("no access key");
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

/** A policy that docs/threat-model.md prints, for the bucket and keys at hand. */
export async function policyInDocs(
  role: "writer" | "verifier" | "desk" | "reader",
  places: Readonly<Record<string, string>>,
): Promise<string> {
  const docs = await readFile(new URL("../../docs/threat-model.md", import.meta.url), "utf8");
  let policy = new RegExp(`<!-- test: iam ${role} -->\\n\`\`\`json\\n([\\s\\S]*?)\`\`\``).exec(docs)?.[1];
  if (policy === undefined) throw new Error(`docs/threat-model.md has no policy for the ${role}`);
  for (const [name, place] of Object.entries(places)) policy = policy.replaceAll(name, place);
  return policy;
}
