import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const MEMORY = "/dev/shm";
/** A container may have 64 MiB there. */
const ENOUGH_BYTES = 1024 ** 3;

/** Tests that start real servers and programs, move much data or sign very often; and shellcheck's look at the scripts for nodes, which takes some seconds. */
const INTEGRATION = ["test/**/*.live.test.ts", "test/node/scripts.test.ts"];
/** The matrices: every kill step, every fault, all versions. */
const EXHAUSTIVE = ["test/**/*.exhaustive.test.ts"];

/** etcd3's channels in the lab name an IP address to TLS, which Node deplores on every start. */
const EXEC_ARGV = ["--disable-warning=DEP0123"];

/**
 * Node loads the modules and strips types itself, as where lifeboat runs from a checkout: nothing is transformed first, and no module is mocked. Workers, and the many
 * commands that tests start, find compiled what an earlier one has loaded.
 */
const NATIVE = {
  experimental: { viteModuleRunner: false, nodeLoader: false },
  env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/tests", import.meta.url)) },
  setupFiles: ["test/support/keep-compiled.ts"],
};

const REAL = { ...NATIVE, testTimeout: 120_000, hookTimeout: 120_000, globalSetup: ["test/support/bundles.ts"] };

/** Memory where there is plenty, since thousands of small files that are synced and thrown away wear out the patience of a disk; TMPDIR overrides it. */
function temporaryFolder(): string {
  const { TMPDIR = "" } = process.env;
  if (TMPDIR !== "") return TMPDIR;
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize > ENOUGH_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

export default defineConfig({
  test: {
    projects: [
      // What is quick: `npm run test:unit`.
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...INTEGRATION, ...EXHAUSTIVE],
          testTimeout: 20_000,
          isolate: false,
          // A backup in a test leaves 6 MiB of buffers. In a small heap V8 takes that for a reason to collect all of it, every second backup. And what a test makes is
          // dead by the next one: with room for it nothing is copied around.
          execArgv: [...EXEC_ARGV, "--initial-heap-size=512", "--min-semi-space-size=64", "--max-semi-space-size=128"],
          ...NATIVE,
          env: { ...NATIVE.env, TMPDIR: temporaryFolder() },
        },
      },
      { test: { name: "integration", include: INTEGRATION, ...REAL } },
      { test: { name: "exhaustive", include: EXHAUSTIVE, ...REAL } },
    ],
    execArgv: EXEC_ARGV,
    // Two cores: more workers only make the etcd clusters miss their heartbeats.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
