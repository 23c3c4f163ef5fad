import { afterEach, describe, expect, test, vi } from "vitest";
import { needs, program, requireProgram } from "./programs.ts";

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

  test("fails in CI, unless the skip is expected", () => {
    vi.stubEnv("CI", "true");
    vi.stubEnv("LIFEBOAT_MAY_SKIP", "etcd-3.4");
    expect(() => needs("no-such-program")).toThrow("this test needs no-such-program, which is not here");
    vi.stubEnv("LIFEBOAT_MAY_SKIP", "etcd-3.4, no-such-program");
    expect(needs("no-such-program")).toBe(true);
  });
});
