import { describe, expect, test } from "vitest";
import { checkTools } from "../../../shared/jobs/doctor/check-tools.ts";
import { PROGRAMS } from "../../../shared/host/program-finder.ts";
import type { PassedOver, Program, ProgramFinder } from "../../../shared/host/program-finder.ts";
import { useOf } from "../../../shared/host/uses.ts";
import { saying } from "../../support/matchers.ts";

const { signal } = new AbortController();

function finderOf(isThere: (program: Program) => boolean, passedOver: readonly PassedOver[] = []): ProgramFinder {
  return {
    find: async (program) => ({
      program,
      found: isThere(program) ? { path: `/usr/bin/${program.name}`, origin: "PATH", version: "1.2.3" } : undefined,
      passedOver,
    }),
  };
}

describe("looking for programs", () => {
  test("finds nothing to say where all are there", async () => {
    const report = await checkTools(
      finderOf(() => true),
      signal,
    );
    expect(report.findings).toEqual([]);
    expect(report.programs.map(({ program }) => program)).toEqual(PROGRAMS);
  });

  test("is no problem where one is missing that no command needs", async () => {
    const { findings } = await checkTools(
      finderOf(({ name }) => name !== "age"),
      signal,
    );
    expect(findings).toEqual([
      {
        code: "program-missing",
        severity: "info",
        subject: "age",
        message: saying("only lifeboat bundle needs it"),
        fix: saying("tools.dir"),
      },
    ]);
  });

  test("is a problem where a command needs it, which the message names", async () => {
    const use = (program: Program) => ({ ...useOf(program), neededBy: program.minor === "3.6" ? ["drill"] : [] });
    const { findings } = await checkTools(
      finderOf(({ name }) => name !== "etcdutl"),
      signal,
      { use },
    );
    expect(findings.map(({ severity, subject }) => [severity, subject])).toEqual([
      ["info", "etcdutl 3.5"],
      ["problem", "etcdutl 3.6"],
      ["info", "etcdutl 3.7"],
    ]);
    expect(findings[1]?.message).toBe("not found; lifeboat drill needs it");
  });

  test("warns of one that was put there and does not run, but not of another version or of what lies on PATH", async () => {
    const passedOver: PassedOver[] = [
      { path: "/tools/age", origin: "tools.dir", version: undefined, reason: "may not be run" },
      { path: "/package/age", origin: "package", version: "3.5.1", reason: "is 3.5.1" },
      { path: "/usr/bin/age", origin: "PATH", version: undefined, reason: "may not be run" },
    ];
    const { findings } = await checkTools(
      finderOf(() => true, passedOver),
      signal,
    );
    expect(findings).toHaveLength(PROGRAMS.length);
    expect(findings[0]).toMatchObject({
      code: "program-unusable",
      severity: "warning",
      subject: "age",
      message: "/tools/age may not be run",
    });
  });
});
