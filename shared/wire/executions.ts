import type { Executions } from "../cloud/executions.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { KeyDependencies } from "./stores.ts";

/** The deployed service, in the region of `stateMachine` (an ARN), else of the configuration's keys or store. */
export async function openExecutions(
  { config: { keys, store } }: LoadedConfig,
  stateMachine: string | undefined,
  { debug, clock }: KeyDependencies,
): Promise<Executions> {
  const { StepFunctions } = await import("../cloud/aws/step-functions.ts");
  const named = stateMachine?.split(":")[3];
  const watch = debug === undefined ? undefined : (await import("./debug/aws.ts")).traceAws(debug, clock);
  return new StepFunctions(named ?? (keys.kind === "kms" ? keys.region : store.kind === "s3" ? store.region : undefined), watch);
}
