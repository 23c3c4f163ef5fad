import type { Functions } from "../cloud/functions.ts";
import { bundleDocument } from "../contract/bundle.ts";
import type { DeskEvent, DrillDeskEvent } from "../contract/events.ts";
import { deskName } from "../contract/service.ts";
import { LifeboatError } from "../errors.ts";
import type { BundleDocument } from "./bundle/document.ts";
import { functionFailure } from "./function-failure.ts";

export interface InvokeBundleRequest {
  readonly event: DeskEvent;
  /** `service.name` of the configuration. */
  readonly service: string;
  /** Ends the waiting, and not the work. */
  readonly signal: AbortSignal;
}

/**
 * Has the desk of the deployed service make a restore bundle. Throws what it failed with, by its own code, where it is a LifeboatError's; `service/failed` for other failures, `interrupted` where the signal ended the waiting.
 */
export async function invokeBundle(functions: Functions, { event, service, signal }: InvokeBundleRequest): Promise<BundleDocument> {
  return callDesk(functions, { desk: deskName(service), log: `/${service}/desk`, event, signal });
}

interface DeskCall {
  /** The name of the function, and of its log. */
  readonly desk: string;
  readonly log: string;
  readonly event: DeskEvent | DrillDeskEvent;
  readonly signal: AbortSignal;
}

/** The same of any function that makes bundles. */
export async function callDesk(functions: Functions, { desk, log, event, signal }: DeskCall): Promise<BundleDocument> {
  const answer = await functions.call(desk, event, signal);
  if (answer.status === "failed")
    throw functionFailure({ error: answer.error, message: answer.message }, { what: desk, look: `see the log ${log}` });
  const parsed = bundleDocument.safeParse(answer.output);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LifeboatError(
    "service/failed",
    `what ${desk} gave is no bundle as this lifeboat knows it (${issue?.path.join(".")}: ${issue?.message})`,
    {
      hint: `it is made and in the store: lifeboat custody ${event.cluster} tells of it; use the version of lifeboat that the service was deployed from`,
    },
  );
}
