import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { needs, program, requireProgram } from "./programs.ts";

beforeEach(() => {
  // What is asked for here is not what the run is short of.
  vi.stubEnv("LIFEBOAT_SKIPPED_NAMES", "");
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("needs", () => {
  test("skips nothing where every program is there", () => {
    vi.stubEnv("CI", "1");
    expect(needs("sh", "env")).toBe(false);
    expect(requireProgram("sh")).toMatch(/\/sh$/);
  });

  test("skips outside of CI", () => {
    vi.stubEnv("CI", "");
    expect(program("no-such-program")).toBeUndefined();
    expect(needs("sh", "no-such-program")).toBe(true);
  });

  test("notes the name for the last line of the run", async () => {
    const folder = await temporaryFolder();
    try {
      const names = join(folder.path, "names");
      vi.stubEnv("CI", "");
      vi.stubEnv("LIFEBOAT_SKIPPED_NAMES", names);
      needs("sh", "no-such-program", "no-other-program");
      expect(await readFile(names, "utf8")).toBe("no-such-program\nno-other-program\n");
    } finally {
      await folder.remove();
    }
  });

  test("fails in CI, unless the skip is expected", () => {
    vi.stubEnv("CI", "true");
    vi.stubEnv("LIFEBOAT_MAY_SKIP", "etcd-3.4");
    expect(() => needs("no-such-program")).toThrow("this test needs no-such-program, which is not here");
    vi.stubEnv("LIFEBOAT_MAY_SKIP", "etcd-3.4, no-such-program");
    expect(needs("no-such-program")).toBe(true);
  });
});
