import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { faultOf, hintFor } from "../../aws-fault.ts";
import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import type { AwsCredentials, CredentialSource } from "../credentials.ts";

export interface TaggedSession {
  /** The ARN of the role that is assumed. */
  readonly role: string;
  /** Names the session in CloudTrail and in the custody log: 2 to 64 characters. */
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** The longest that a role may be assumed by a session of another role (role chaining): https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining */
const SESSION_SECONDS = 3600;
/** Asked again so long before they end: longer than the SDK's own five minutes, so that its clients never keep what is old. */
const EARLY_MS = 6 * 60_000;

/**
 * Credentials of a role that `client` assumes with session tags, by which its policies tell what they allow. One session serves all who ask, until it is about to end. Throws `service/denied` where the role's trust policy or the caller's own
 * does not allow it, `service/failed` where STS could not be asked.
 */
export function assumedRole(client: STSClient, session: TaggedSession, clock: Clock): CredentialSource {
  let current: Promise<AwsCredentials> | undefined;
  let endsMs = 0;
  return async () => {
    if (current === undefined || clock.now().getTime() > endsMs - EARLY_MS) {
      endsMs = Infinity;
      const asked = assume(client, session);
      current = asked;
      // What failed is asked anew.
      asked.then(
        ({ expiration }) => (endsMs = expiration.getTime()),
        () => (current = undefined),
      );
    }
    return current;
  };
}

async function assume(client: STSClient, { role, name, tags }: TaggedSession): Promise<AwsCredentials> {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const command = new AssumeRoleCommand({ RoleArn: role, RoleSessionName: nameOf(name), Tags, DurationSeconds: SESSION_SECONDS });
  try {
    const { Credentials } = await client.send(command);
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined || Expiration === undefined)
      throw new Error("an answer without credentials");
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration };
  } catch (error) {
    const fault = faultOf(error);
    if (fault.kind === "denied")
      throw new LifeboatError("service/denied", `sts:AssumeRole on ${role} for ${name} is denied`, {
        hint: "deploy the service's stack again: the role trusts the role of this function, where the session has the tag that names the cluster",
        cause: error,
      });
    throw new LifeboatError("service/failed", `the role ${role} could not be assumed for ${name}: ${fault.reason} (${fault.name})`, {
      hint: hintFor(fault) ?? "see CloudTrail for the call",
      cause: error,
    });
  }
}

/** STS takes no name of one character, and a cluster may have one. */
function nameOf(name: string): string {
  return name.length < 2 ? `${name}-` : name;
}
