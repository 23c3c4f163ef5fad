import { KMSClient } from "@aws-sdk/client-kms";
import type { KmsSettings } from "./settings.ts";

/** A client for a region. Credentials come by the SDK's own default chain, which reads the environment and the files of the AWS command line itself. */
export function openClient({ endpoint }: Pick<KmsSettings, "endpoint">, region: string): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    // With the SDK's pauses some seconds of throttling are waited out.
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
  });
}
