import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { faultOf } from "./fault.ts";

export interface IdentitySettings {
  readonly region: string;
  /** Of the service whose caller is asked for; left out: AWS's own. */
  readonly endpoint?: string | undefined;
}

/** The ARN of who calls AWS from here, or why nobody could say. Takes a few seconds at most, and needs no permission. */
export async function callerIdentity(
  settings: IdentitySettings,
  open = openClient,
): Promise<{ readonly arn: string } | { readonly reason: string }> {
  const client = open(settings);
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand());
    return Arn === undefined ? { reason: "an answer without a name" } : { arn: Arn };
  } catch (error) {
    return { reason: faultOf(error).name };
  } finally {
    client.destroy();
  }
}

/** Where STS is: an emulator has all services at one address, and AWS's private endpoints have one each. */
function stsEndpoint(endpoint: string | undefined): string | undefined {
  return endpoint === undefined || isAws(endpoint) ? undefined : endpoint;
}

/** Whether the address is one of AWS's own. */
function isAws(endpoint: string): boolean {
  return /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
}

function openClient({ region, endpoint }: IdentitySettings): STSClient {
  const own = stsEndpoint(endpoint);
  return new STSClient({
    region,
    ...(own === undefined ? {} : { endpoint: own }),
    // A network without a way to STS must not hold a backup up.
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_500, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}
