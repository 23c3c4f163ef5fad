import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { InstalledBundlePrograms } from "../../shared/host/programs/installed-bundle-programs.ts";
import { staticProgramIn } from "../../shared/host/programs/static-program.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { requireProgram } from "../support/programs.ts";

const SOURCE = fileURLToPath(new URL("../../tools/go/unzstd", import.meta.url));

test("unzstd is built for other architectures too, and told apart without being run", async () => {
  await using folder = await temporaryFolder();
  const [here, there] = process.arch === "arm64" ? (["arm64", "amd64"] as const) : (["amd64", "arm64"] as const);
  const foreign = join(folder.path, "bin", there, "unzstd");
  await mkdir(join(folder.path, "bin", there), { recursive: true });
  const env = { CGO_ENABLED: "0", GOWORK: "off", GOOS: "linux", GOARCH: there };
  await promisify(execFile)("go", ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", foreign, "."], {
    cwd: SOURCE,
    env: { ...process.env, ...env },
  });
  const wanted = { name: "unzstd", minor: "3.6" } as const;
  const bytes = await readFile(foreign);
  const own = staticProgramIn(await readFile(requireProgram("unzstd")), { ...wanted, architecture: here });
  expect(own).toMatchObject({ version: expect.stringMatching(/^\d/) as string });
  expect(staticProgramIn(bytes, { ...wanted, architecture: there })).toEqual(own);
  expect(staticProgramIn(bytes, { ...wanted, architecture: here })).toEqual({ reason: `is for ${there}` });

  await symlink(requireProgram("age"), join(folder.path, "bin", "age"));
  const places = {
    toolsDir: join(folder.path, "bin"),
    packageFolder: () => undefined,
    checkoutFolder: join(folder.path, "none"),
    path: undefined,
  };
  const programs = new InstalledBundlePrograms(places, systemClock);
  const error = await programs.programsFor(there, "3.6", new AbortController().signal).catch((thrown: unknown) => thrown);
  if (!(error instanceof LifeboatError)) throw new Error("three programs are missing");
  expect(error.message).toContain(`no age for ${there}; ${join(folder.path, "bin/age")} is for ${here}`);
  expect(error.message).not.toContain("unzstd");
});
