import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";

/** Whether the log tells everything is decided by the environment as the process starts, so each case has a process of its own. */

const LOG = fileURLToPath(new URL("../../functions/log.ts", import.meta.url));
const CONTEXT = { functionName: "backup", functionVersion: "1", invokedFunctionArn: "", memoryLimitInMB: "512", awsRequestId: "id-1" };
const SCRIPT = `
  const { debug, openLog, progressIn } = await import(${JSON.stringify(LOG)});
  debug?.log("store", "before any invocation");
  const progress = progressIn(openLog(${JSON.stringify(CONTEXT)}));
  debug?.log("etcd", "Authorization: Bearer s3cret-Wort9");
  progress.debug?.log("decision", "lineage 1: goes on");
`;

async function linesWith(value: string | undefined): Promise<readonly unknown[]> {
  const env = value === undefined ? {} : { LIFEBOAT_DEBUG: value };
  const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", SCRIPT], { env });
  return stdout.split("\n").flatMap((line): readonly unknown[] => (line === "" ? [] : [JSON.parse(line)]));
}

test("LIFEBOAT_DEBUG=1 puts the debug log of an invocation into its own log, at level debug and without secrets", async () => {
  expect(await linesWith("1")).toMatchObject([
    { level: "DEBUG", kind: "etcd", message: "Authorization: ***", function_request_id: "id-1" },
    { level: "DEBUG", kind: "decision", message: "lineage 1: goes on", function_request_id: "id-1" },
  ]);
});

test.each([undefined, "0"])("LIFEBOAT_DEBUG=%s puts nothing there", async (value) => {
  expect(await linesWith(value)).toEqual([]);
});
