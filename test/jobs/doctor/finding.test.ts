import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { judgeBreakGlass } from "../../../shared/jobs/doctor/check-keys.ts";
import { bySeverity, type DoctorFinding } from "../../../shared/jobs/doctor/finding.ts";

const ROOT = new URL("../../../", import.meta.url);

test("docs/commands/doctor.md tells of every finding that the checks can make", async () => {
  const folder = new URL("shared/jobs/doctor/", ROOT);
  const texts = await Promise.all((await readdir(folder)).map((file) => readFile(new URL(file, folder), "utf8")));
  // The type in finding.ts names them all, one on each line.
  const codes = texts.flatMap((text) => Array.from(text.matchAll(/^ {2}\| "([a-z-]+)"/gm), ([, code]) => code ?? ""));
  expect(codes.length).toBeGreaterThan(30);
  const page = await readFile(new URL("docs/commands/doctor.md", ROOT), "utf8");
  const told = new Set(Array.from(page.matchAll(/`([a-z-]+)`/g), ([, code]) => code));
  expect(codes.filter((code) => !told.has(code))).toEqual([]);
});

test("the problems come first, and otherwise all stays in its order", () => {
  const finding = (severity: DoctorFinding["severity"], subject: string): DoctorFinding => ({
    code: "not-seen",
    severity,
    subject,
    message: "",
    fix: "",
  });
  const mixed = [finding("info", "a"), finding("problem", "b"), finding("warning", "c"), finding("problem", "d"), finding("info", "e")];
  expect(bySeverity(mixed).map(({ subject }) => subject)).toEqual(["b", "d", "c", "a", "e"]);
});

test("nobody who could open what is stored without the wrapping key is warned of", () => {
  expect(judgeBreakGlass([])).toMatchObject([{ code: "break-glass-missing", severity: "warning" }]);
  expect(judgeBreakGlass(["age1x"])).toEqual([]);
});
