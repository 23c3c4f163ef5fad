import type { Functions } from "../cloud/functions.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { KeyDependencies } from "./stores.ts";

/** The functions of the deployed service, in the region of the configuration's keys or store. */
export async function openFunctions(
  { config: { keys, store } }: LoadedConfig,
  { debug, clock, credentials }: KeyDependencies,
): Promise<Functions> {
  const { LambdaFunctions } = await import("../cloud/aws/lambda.ts");
  const watch = debug === undefined ? undefined : (await import("./debug/aws.ts")).traceAws(debug, clock);
  return new LambdaFunctions(keys.kind === "kms" ? keys.region : store.kind === "s3" ? store.region : undefined, watch, credentials);
}
