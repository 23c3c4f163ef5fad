import { defineConfig } from "vitest/config";

/** Tests that start real servers and programs, move much data or sign very often. */
const INTEGRATION = ["test/**/*.live.test.ts"];
/** The matrices: every kill step, every fault, all versions. */
const EXHAUSTIVE = ["test/**/*.exhaustive.test.ts"];

/** etcd3's channels in the lab name an IP address to TLS, which Node deplores on every start. */
const EXEC_ARGV = ["--disable-warning=DEP0123"];

const REAL = { testTimeout: 120_000, hookTimeout: 120_000, globalSetup: ["test/support/bundles.ts"] };

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
          // Node loads the modules and strips types itself, as where lifeboat runs from a checkout: nothing is transformed first, and no module is mocked.
          experimental: { viteModuleRunner: false, nodeLoader: false },
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
