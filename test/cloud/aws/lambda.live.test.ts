import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { LambdaFunctions } from "../../../shared/cloud/aws/lambda.ts";
import { failureOf } from "../../support/blobs.ts";

/** What Lambda says, and what it does not: each call is made once, since each is a bundle. */

let server: Server;
let answer: (response: ServerResponse) => void;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(() => {
  requests = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const call = async (signal = new AbortController().signal): Promise<unknown> =>
  new LambdaFunctions("eu-central-1").call("lifeboat-desk", { cluster: "prod" }, signal);

function says(status: number, name: string, message: string): (response: ServerResponse) => void {
  return (response) =>
    response.writeHead(status, { "x-amzn-errortype": name, "content-type": "application/json" }).end(JSON.stringify({ message }));
}

test("a function that is not there, a right that is missing and a fault of Lambda's are told apart, after one call", async () => {
  for (const [code, say] of [
    ["config/not-found", says(404, "ResourceNotFoundException", "Function not found")],
    ["service/denied", says(403, "AccessDeniedException", "not authorized")],
    ["service/failed", says(500, "ServiceException", "internal")],
    ["service/failed", says(429, "TooManyRequestsException", "slow down")],
    ["service/failed", (response: ServerResponse) => response.destroy()],
  ] as const) {
    answer = say;
    requests = 0;
    const error = await failureOf(call());
    expect({ code: (error as { code?: unknown }).code, requests }).toEqual({ code, requests: 1 });
    expect(error.message).toContain("lifeboat-desk");
  }
});

test("an error of the function is passed on, and an answer is what it gave", async () => {
  answer = (response) =>
    response
      .writeHead(200, { "x-amz-function-error": "Unhandled" })
      .end(JSON.stringify({ errorType: "usage", errorMessage: "no\nhint: yes" }));
  expect(await call()).toEqual({ status: "failed", error: "usage", message: "no\nhint: yes" });
  answer = (response) => response.writeHead(200).end(JSON.stringify({ ref: "prod/x" }));
  expect(await call()).toEqual({ status: "succeeded", output: { ref: "prod/x" } });
});

test("Ctrl-C ends the waiting, and asks nothing again", async () => {
  const stop = new AbortController();
  answer = () => stop.abort();
  const error = await failureOf(call(stop.signal));
  expect(error).toMatchObject({ code: "interrupted", message: "no longer waiting for the function lifeboat-desk" });
  expect(requests).toBe(1);
});
