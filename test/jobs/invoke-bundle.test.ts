import { expect, test } from "vitest";
import type { FunctionAnswer, Functions } from "../../shared/cloud/functions.ts";
import { deskEvent } from "../../shared/contract/events.ts";
import type { DeskEvent } from "../../shared/contract/events.ts";
import { invokeBundle } from "../../shared/jobs/invoke-bundle.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

const EVENT: DeskEvent = { cluster: "prod", recipients: ["cp-1"], reason: "a drill", architecture: "amd64" };
const { signal } = new AbortController();

/** Functions that give one answer, and remember what they were called with. */
function answering(answer: FunctionAnswer): Functions & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    calls,
    call(name, event) {
      calls.push({ name, event });
      return Promise.resolve(answer);
    },
  };
}

const failing = async (error: string, message: string): Promise<Error> =>
  failureOf(invokeBundle(answering({ status: "failed", error, message }), { event: EVENT, service: "etcd", signal }));

test("the desk of the service is called by its name, and its failures are what the command would have said", async () => {
  const functions = answering({ status: "failed", error: "config/invalid", message: "this desk does not\nhint: enrol the recipient" });
  const error = await failureOf(invokeBundle(functions, { event: EVENT, service: "etcd", signal }));
  expect(error).toMatchObject({ code: "config/invalid", message: "this desk does not", hint: "enrol the recipient" });
  expect(functions.calls).toEqual([{ name: "etcd-desk", event: EVENT }]);
});

test("what is no failure of lifeboat's names the function, and where to look", async () => {
  expect(await failing("Sandbox.Timedout", "Task timed out after 300.00 seconds")).toMatchObject({
    code: "service/failed",
    message: "etcd-desk failed: Sandbox.Timedout: Task timed out after 300.00 seconds",
    hint: "see the log /etcd/desk",
  });
  expect(await failing("unexpected", "internal error (a bug)")).toMatchObject({ hint: "see the function's log, and report it" });
});

test("an answer that is no bundle says that one is there all the same", async () => {
  const error = await failureOf(
    invokeBundle(answering({ status: "succeeded", output: { ref: "prod/x" } }), { event: EVENT, service: "etcd", signal }),
  );
  expect(error).toMatchObject({ code: "service/failed", hint: saying("lifeboat custody prod") });
});

test.each([
  ["nothing that it does not know", { recipient: "cp-1" }],
  ["no ref that leads to another cluster", { ref: "../other/20261121T100000Z" }],
  ["no empty reason", { reason: "  " }],
  ["no plan that lasts for ever", { validMs: 365 * 86_400_000 }],
  ["no architecture that there are no programs for", { architecture: "riscv64" }],
  ["no key that is none of age's", { unenrolled: ["ssh-ed25519 AAAA"] }],
  ["no members that cannot be one cluster", { nodes: [node("a"), node("a")] }],
])("the event takes %s", (_what, change) => {
  expect(deskEvent.safeParse(EVENT).success).toBe(true);
  expect(deskEvent.safeParse({ ...EVENT, ...change }).success).toBe(false);
});

function node(name: string): object {
  return { name, peerUrls: ["https://10.0.0.1:2380"], clientUrls: ["https://10.0.0.1:2379"] };
}

test("the event's members are those of a plan", () => {
  expect(deskEvent.parse({ ...EVENT, nodes: [{ ...node("b"), peerUrls: ["https://10.0.0.2:2380"] }, node("a")] })).toMatchObject({
    ref: "good",
    distribution: "etcd",
    validMs: 86_400_000,
    nodes: [
      { name: "a", layout: "auto", dataDir: undefined, service: undefined },
      { name: "b", layout: "auto" },
    ],
  });
});
