import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { faultOf } from "../../aws-fault.ts";
import type { CredentialSource } from "../credentials.ts";

export interface IdentitySettings {
  readonly region: string;
  /** Of the service whose caller is asked for; left out: AWS's own. */
  readonly endpoint?: string | undefined;
  /** Of whom is asked; by default the SDK's own default chain. */
  readonly credentials?: CredentialSource | undefined;
}

/** The ARN of who calls AWS from here, or why nobody could say. Takes a few seconds at most, and needs no permission. */
export async function callerIdentity(client: STSClient): Promise<{ readonly arn: string } | { readonly reason: string }> {
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand());
    return Arn === undefined ? { reason: "an answer without a name" } : { arn: Arn };
  } catch (error) {
    return { reason: faultOf(error).name };
  } finally {
    client.destroy();
  }
}

/** Asks STS: at the service's own address where that is an emulator's, which has all services at one; AWS's private endpoints have one each. */
export function openClient({ region, endpoint, credentials }: IdentitySettings): STSClient {
  const isElsewhere = endpoint !== undefined && !/\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
  return new STSClient({
    region,
    ...(isElsewhere ? { endpoint } : {}),
    ...(credentials === undefined ? {} : { credentials }),
    // A network without a way to STS must not hold a backup up.
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_500, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}
