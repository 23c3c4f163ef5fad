import { KMSServiceException } from "@aws-sdk/client-kms";
import { LambdaServiceException } from "@aws-sdk/client-lambda";
import { S3ServiceException } from "@aws-sdk/client-s3";

/** "allowed", "denied", or the name of another error that the service answers with. */
export async function answerTo(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "allowed";
  } catch (error) {
    if (!(error instanceof KMSServiceException || error instanceof S3ServiceException || error instanceof LambdaServiceException))
      throw error;
    // KMS and Lambda say it by name, and S3 by status, which is all that the answer to a HEAD has.
    return error.name === "AccessDeniedException" || error.$metadata.httpStatusCode === 403 ? "denied" : error.name;
  }
}
