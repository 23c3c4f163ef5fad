import { expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { needs } from "../support/programs.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { compareWithRestic } from "./beside-restic.ts";

test.skipIf(needs("restic"))("20 random histories are kept as restic forget keeps them, for the same reasons", async () => {
  await using folder = await temporaryFolder();
  expect(await compareWithRestic(folder.path, new SeededRandom(20), 4, 5)).toBeGreaterThan(200);
});
