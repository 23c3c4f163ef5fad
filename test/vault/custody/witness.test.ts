import { describe, expect, test } from "vitest";
import { whyNotWitnessed } from "../../../shared/vault/custody/witness.ts";
import type { Link } from "../../../shared/vault/custody/witness.ts";

const END = "2026-11-21T12:00:00Z";
const ENDS = { old: END };

/** A log, one letter a record: `o` by the key with an end, `w` by another in time, `l` by another too late, `?` what is no record. */
function logOf(letters: string): readonly (Link | undefined)[] {
  return Array.from(letters, (letter, index) =>
    letter === "?"
      ? undefined
      : {
          sequence: index + 1,
          digest: `sha256:${index + 1}`,
          previous: index === 0 ? undefined : `sha256:${index}`,
          signer: letter === "o" ? "old" : "new",
          time: letter === "l" ? "2026-11-21T12:00:01Z" : END,
        },
  );
}

async function whyNot(letters: string, change?: (log: readonly (Link | undefined)[]) => readonly (Link | undefined)[]) {
  const log = change === undefined ? logOf(letters) : change(logOf(letters));
  const [first] = log;
  if (first === undefined) throw new TypeError("no first record");
  let reads = 0;
  const why = await whyNotWitnessed(first, END, ENDS, (sequence) => {
    reads += 1;
    return Promise.resolve(log[sequence - 1]);
  });
  return { why, reads };
}

describe("the witness of a record", () => {
  test.each([
    ["w", 0],
    ["ow", 1],
    ["owl", 1],
    ["oooow", 5],
    [`${"o".repeat(300)}w`, 309],
  ])("is the first one by another key, in time: %s", async (letters, reads) => {
    expect(await whyNot(letters)).toEqual({ why: undefined, reads });
  });

  test.each([
    ["l", "its record 1 is of"],
    ["ol", "the first record after its record 1 that another key signed is 2"],
    // In time by its own word, and behind one that was too late: a clock that went wrong, or a log that was filled in afterwards.
    ["olw", "the first record after its record 1 that another key signed is 2"],
    ["o", "no record that another key signed follows its record 1"],
    ["ooo", "no record that another key signed follows its record 1"],
    ["o?w", "no record that another key signed follows its record 1"],
  ])("is none: %s", async (letters, message) => {
    expect((await whyNot(letters)).why).toContain(message);
  });

  test("is bound to it by each digest between", async () => {
    const { why } = await whyNot("ooow", (log) => log.map((each) => (each?.sequence === 2 ? { ...each, digest: "sha256:another" } : each)));
    expect(why).toBe("record 3 does not follow record 2 as it is stored now");
  });
});
