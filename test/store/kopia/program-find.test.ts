import { describe, expect, test } from "vitest";
import { isSupportedKopia } from "../../../shared/host/kopia-version.ts";
import type { ProgramFinder, Search } from "../../../shared/host/program-finder.ts";
import { KOPIA } from "../../../shared/host/program-finder.ts";
import { checkTools } from "../../../shared/jobs/doctor/check-tools.ts";
import { findKopia } from "../../../shared/store/kopia/program/find-kopia.ts";

const { signal } = new AbortController();
const OLD = { path: "/usr/bin/kopia", origin: "PATH", version: "0.15.0", reason: "is 0.15.0, and 0.22.0 or later is needed" } as const;

function finder(answer: Partial<Search>): ProgramFinder {
  return { find: async (program) => ({ program, found: undefined, passedOver: [], ...(program === KOPIA ? answer : {}) }) };
}

function finding(version: string): ProgramFinder {
  return finder({ found: { path: "/opt/kopia", origin: "PATH", version } });
}

describe("a kopia", () => {
  test("of a release is taken", async () => {
    expect(await findKopia(finding("0.23.1"), signal)).toEqual({ path: "/opt/kopia", version: "0.23.1", warning: undefined });
  });

  test("built from source is taken with a warning", async () => {
    expect(await findKopia(finding("0-unofficial"), signal)).toMatchObject({
      warning: "/opt/kopia is built from source and says no version: whether it is kopia 0.22.0 or later cannot be told",
    });
  });

  test("that is missing, or too old: the error says how to install it", async () => {
    await expect(findKopia(finder({}), signal)).rejects.toMatchObject({
      code: "config/not-found",
      hint: expect.stringContaining("https://kopia.io/docs/installation/") as unknown,
    });
    await expect(findKopia(finder({ passedOver: [OLD] }), signal)).rejects.toThrow(
      "no kopia was found in tools.dir or on PATH; /usr/bin/kopia is 0.15.0, and 0.22.0 or later is needed",
    );
  });
});

test.each([
  ["0.21.1", false],
  ["0.22.0", true],
  ["0.23.1", true],
  ["0.100.0-rc1", true],
  ["1.0.0", true],
  ["0-unofficial", true],
])("%s is supported: %s", (version, expected) => {
  expect(isSupportedKopia(version)).toBe(expected);
});

describe("doctor --tools", () => {
  const codes = async (of: ProgramFinder, kopia: boolean) =>
    (await checkTools(of, signal, { kopia })).findings
      .filter(({ subject }) => subject === "kopia")
      .map(({ code, severity, message }) => [code, severity, message]);

  test("looks for kopia where the store needs it", async () => {
    expect(await codes(finder({}), false)).toEqual([]);
    expect(await codes(finder({}), true)).toEqual([
      ["program-missing", "problem", "not found; lifeboat backup, lifeboat verify, lifeboat export, lifeboat prune needs it"],
    ]);
  });

  test("says what is too old, and what says no version", async () => {
    expect(await codes(finder({ passedOver: [OLD] }), true)).toEqual([
      ["program-unusable", "problem", "/usr/bin/kopia is 0.15.0, and 0.22.0 or later is needed"],
    ]);
    expect(await codes(finding("0-unofficial"), true)).toEqual([
      ["program-unofficial", "warning", expect.stringContaining("says no version")],
    ]);
    expect(await codes(finding("0.23.1"), true)).toEqual([]);
  });
});
