import { expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { needs } from "../support/programs.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { compareWithRestic } from "./beside-restic.ts";

test.skipIf(needs("restic"))(
  "1,000 random histories are kept as restic forget keeps them, for the same reasons",
  { timeout: 600_000 },
  async () => {
    await using folder = await temporaryFolder();
    expect(await compareWithRestic(folder.path, new SeededRandom(1000), 50, 20)).toBeGreaterThan(10_000);
  },
);
