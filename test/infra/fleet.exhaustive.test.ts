import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { expectConstant, fleetConfig } from "./suites/fleet.ts";
import { synthesize } from "./support/synthesized.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("13, 200 and 1,000 clusters are the same resources", async () => {
  const ids: string[] = [];
  for (const count of [13, 200, 1000]) {
    const made = await synthesize(join(folder.path, String(count)), fleetConfig(count), () => undefined);
    expectConstant(made);
    ids.push([made.service, made.keeper, made.audit].flatMap(({ Resources }) => Object.keys(Resources)).join(" "));
  }
  expect(new Set(ids).size).toBe(1);
});
