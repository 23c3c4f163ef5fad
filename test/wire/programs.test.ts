import { describe, expect, test } from "vitest";
import { systemClock } from "../../shared/system-clock.ts";
import { findBundlePrograms } from "../../shared/wire/programs.ts";
import { requireProgram } from "../support/programs.ts";

const { signal } = new AbortController();
const surroundings = {
  clock: systemClock,
  environment: {},
  randomBytes: () => Buffer.alloc(0),
  runtimeFolder: "/tmp",
  stateFolder: undefined,
};

describe("the programs of a bundle, in a checkout", () => {
  test("are those that set-up built, within 45 MB", async () => {
    const programs = await findBundlePrograms(undefined, surroundings);
    const set = await programs.programsFor(process.arch === "arm64" ? "arm64" : "amd64", "3.5", signal);
    expect(set.programs.map(({ name, origin }) => [name, origin])).toEqual([
      ["age", "checkout"],
      ["etcdctl", "checkout"],
      ["etcdutl", "checkout"],
      ["unzstd", "checkout"],
    ]);
    expect(set.programs[3]?.path).toBe(requireProgram("unzstd"));
    expect(set.programs.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(45e6);
  });
});
