import { mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { ListKeysCommand } from "@aws-sdk/client-kms";
import { expect, test } from "vitest";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import { kmsClient, newKey, SIGNING_KEY } from "../support/kms-keys.ts";

test("starts, forgets everything at a reset, and leaves nothing when it stops", async () => {
  const before = await leftovers();
  const stack = await startMiniStack();
  const client = kmsClient(stack);
  const arn = await newKey(client, SIGNING_KEY);
  expect((await client.send(new ListKeysCommand())).Keys?.map(({ KeyArn }) => KeyArn)).toEqual([arn]);
  await stack.reset();
  expect((await client.send(new ListKeysCommand())).Keys).toEqual([]);
  const { pid } = stack;
  await stack.stop();
  expect(stack.isRunning).toBe(false);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(await leftovers()).toEqual(before);
});

test("two at once know nothing of each other", async () => {
  await using one = await startMiniStack();
  await using two = await startMiniStack();
  await newKey(kmsClient(one), SIGNING_KEY);
  expect((await kmsClient(two).send(new ListKeysCommand())).Keys).toEqual([]);
});

/** What MiniStack is known to leave in the folder for temporary files; other tests have folders of the lab there. */
async function leftovers(): Promise<readonly string[]> {
  await mkdir(tmpdir(), { recursive: true });
  return (await readdir(tmpdir())).filter((name) => name.startsWith("ministack")).toSorted();
}
