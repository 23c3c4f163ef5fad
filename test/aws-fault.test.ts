import { SFNClient } from "@aws-sdk/client-sfn";
import { expect, test, vi } from "vitest";
import { StepFunctions } from "../shared/cloud/aws/step-functions.ts";
import { failureOf } from "./support/blobs.ts";
import { saying } from "./support/matchers.ts";

test("a region that nothing names is told in our words, by a client of AWS's own SDK", async () => {
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/dev/null");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "none");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "none");
  try {
    // The text that is recognised: a new version of the SDK that changes it is seen here.
    await expect(new SFNClient({}).config.region()).rejects.toThrow(/^Region is missing$/);
    expect(await failureOf(new StepFunctions(undefined).find("lifeboat-prod"))).toMatchObject({
      code: "config/invalid",
      message: "the configuration names no region, so the deployed service cannot be found",
      hint: saying("--state-machine ARN"),
    });
  } finally {
    vi.unstubAllEnvs();
  }
});
