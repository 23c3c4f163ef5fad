import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const MEMORY = "/dev/shm";
/** A container may have 64 MiB there. */
const ENOUGH_BYTES = 1024 ** 3;

/** Tests that start real servers and programs, move much data or sign very often; and shellcheck's look at the scripts for nodes, which takes some seconds. */
const INTEGRATION = ["test/**/*.live.test.ts", "test/node/scripts.test.ts"];
/** Unit tests that take seconds of CPU each: they search, or read long logs and large files. `npm test` has them, and `npm run test:unit` is quick without. */
const THOROUGH = [
  "test/attacks/{lineage,output-bound,prune,removed-records,replayed-content}.test.ts",
  "test/cli/{prune,report}.test.ts",
  "test/fleet/rpo.test.ts",
  "test/functions/order.test.ts",
  "test/host/programs/installed-bundle-programs.test.ts",
  "test/jobs/backup/{old-slot,proof}.test.ts",
  "test/jobs/bundle/{inspect,publish}.test.ts",
  "test/jobs/copy-repository.test.ts",
  "test/jobs/prune/*.test.ts",
  "test/retention/properties.test.ts",
  "test/seal/{age-recipients,vectors}.test.ts",
  "test/snapshot/{crc32c,fuzz,hostile,hostile-limits}.test.ts",
  "test/vault/custody/append.test.ts",
  "test/vault/segments/segments.test.ts",
  "test/vault/lineage/lineage.test.ts",
];
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

/** What needs no server and no process. */
const ALONE = {
  ...NATIVE,
  testTimeout: 20_000,
  isolate: false,
  // A backup in a test leaves buffers, and V8 collects all of a heap for each 64 MiB of them. And what a test makes is dead by the next one: with room for it
  // nothing is copied around.
  execArgv: [...EXEC_ARGV, "--initial-heap-size=512", "--min-semi-space-size=64", "--max-semi-space-size=128"],
  env: { ...NATIVE.env, TMPDIR: temporaryFolder() },
};

export default defineConfig({
  test: {
    projects: [
      // What is quick: `npm run test:unit`.
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [...INTEGRATION, ...EXHAUSTIVE, ...THOROUGH], ...ALONE } },
      { test: { name: "thorough", include: THOROUGH, exclude: [...INTEGRATION, ...EXHAUSTIVE], ...ALONE } },
      { test: { name: "integration", include: INTEGRATION, ...REAL } },
      { test: { name: "exhaustive", include: EXHAUSTIVE, ...REAL } },
    ],
    execArgv: EXEC_ARGV,
    // Two cores: more workers only make the etcd clusters miss their heartbeats.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
