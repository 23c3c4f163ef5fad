import { KMSClient } from "@aws-sdk/client-kms";
import type { KmsSettings } from "./settings.ts";

/** What the SDK takes as a source of credentials. */
type AwsCredentialIdentityProvider = () => Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;

/** A client for a region. Credentials that are not given come by the SDK's own default chain, which reads the environment and the files of the AWS command line itself. */
export function openClient(
  { endpoint }: Pick<KmsSettings, "endpoint">,
  region: string,
  credentials?: AwsCredentialIdentityProvider,
): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    // With the SDK's pauses some seconds of throttling are waited out.
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
  });
}
