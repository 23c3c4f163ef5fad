import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { z } from "zod";
import { faultOf, hintFor } from "../../aws-fault.ts";
import type { TraceClient } from "../../debug-log.ts";
import { LifeboatError } from "../../errors.ts";
import type { CredentialSource } from "../credentials.ts";
import type { FunctionAnswer, Functions } from "../functions.ts";

/** Longer than any function of ours that people call may take. */
const LONGEST_MS = 330_000;

/** What Lambda gives of an error that was thrown: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
const thrownSchema = z.object({ errorType: z.string().default(""), errorMessage: z.string().default("") });

/** AWS Lambda. Credentials and region, where none are given, come by the SDK's own default chain. */
export class LambdaFunctions implements Functions {
  readonly #client: LambdaClient;
  readonly #place: string;

  constructor(region: string | undefined, watch?: TraceClient, credentials?: CredentialSource) {
    this.#client = new LambdaClient({
      ...(region === undefined ? {} : { region }),
      ...(credentials === undefined ? {} : { credentials }),
      // A second try would do the work a second time.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: 5_000, requestTimeout: LONGEST_MS, throwOnRequestTimeout: true },
    });
    watch?.(this.#client);
    this.#place = region === undefined ? "Lambda" : `Lambda in ${region}`;
  }

  async call(name: string, event: object, signal: AbortSignal): Promise<FunctionAnswer> {
    const command = new InvokeCommand({ FunctionName: name, InvocationType: "RequestResponse", Payload: JSON.stringify(event) });
    try {
      const { FunctionError, Payload } = await this.#client.send(command, { abortSignal: signal });
      const text = Payload?.transformToString() ?? "";
      if (FunctionError === undefined) return { status: "succeeded", output: parsed(text) };
      const { errorType: error, errorMessage: message } = thrownSchema.catch({ errorType: "", errorMessage: "" }).parse(parsed(text));
      return { status: "failed", error, message };
    } catch (error) {
      throw this.#failure(name, error, signal);
    }
  }

  #failure(name: string, error: unknown, signal: AbortSignal): LifeboatError {
    if (signal.aborted) return new LifeboatError("interrupted", `no longer waiting for the function ${name}`, { cause: error });
    const fault = faultOf(error);
    if (fault.name === "ResourceNotFoundException")
      return new LifeboatError("config/not-found", `function ${name} not found in ${this.#place}`, {
        hint: "deploy its stack, or use credentials of the account that it is in",
        cause: error,
      });
    if (fault.kind === "denied")
      return new LifeboatError("service/denied", `lambda:InvokeFunction on ${name} is denied in ${this.#place}`, {
        hint: `attach the policy that the output CallersPolicy of the stack ${name} names; it may ask for a second factor, which a session has from aws sts get-session-token or assume-role with --serial-number and --token-code`,
        cause: error,
      });
    if (fault.kind === "region")
      return new LifeboatError("config/invalid", "the configuration names no region, so the deployed service cannot be found", {
        hint: "the service has its keys in KMS and its store in S3: use its configuration, or set AWS_REGION",
        cause: error,
      });
    return new LifeboatError("service/failed", `calling ${name} failed in ${this.#place}: ${fault.reason} (${fault.name})`, {
      hint: hintFor(fault) ?? "see the log of the function",
      cause: error,
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
