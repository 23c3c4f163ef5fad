import { Agent } from "node:https";
import { readFile } from "node:fs/promises";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { withoutUnknownConditions } from "./unknown-conditions.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of a role's session. */
  readonly sessionToken?: string;
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

/** What several policies allow together. */
export function together(...policies: readonly string[]): string {
  const statements = policies.flatMap((policy) => (JSON.parse(policy) as { readonly Statement: readonly unknown[] }).Statement);
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/**
 * A policy that docs/threat-model.md prints, for the bucket and keys at hand, without conditions that the emulator cannot judge: what is bound to the cluster's own context is held by the test
 * of the templates.
 */
export async function policyInDocs(
  role: "writer" | "verifier" | "desk" | "keeper" | "reader" | "sweeper",
  places: Readonly<Record<string, string>>,
): Promise<string> {
  const docs = await readFile(new URL("../../docs/threat-model.md", import.meta.url), "utf8");
  let policy = new RegExp(`<!-- test: iam ${role} -->\\n\`\`\`json\\n([\\s\\S]*?)\`\`\``).exec(docs)?.[1];
  if (policy === undefined) throw new Error(`docs/threat-model.md has no policy for the ${role}`);
  for (const [name, place] of Object.entries(places)) policy = policy.replaceAll(name, place);
  const leftOut = new Set<string>();
  const judged = withoutUnknownConditions(JSON.parse(policy), leftOut);
  const isBound = leftOut.has("kms:EncryptionContext:cluster");
  if (isBound !== !["keeper", "reader", "sweeper"].includes(role))
    throw new Error(`the policy for the ${role} does not bind the wrapping key to the cluster's context`);
  return JSON.stringify(judged);
}
