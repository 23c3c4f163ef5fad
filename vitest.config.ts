import { defineConfig } from "vitest/config";

/** Tests that start real servers and programs, move much data or sign very often. */
const INTEGRATION = ["test/**/*.live.test.ts"];
/** The matrices: every kill step, every fault, all versions. */
const EXHAUSTIVE = ["test/**/*.exhaustive.test.ts"];

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
        },
      },
      { test: { name: "integration", include: INTEGRATION, ...REAL } },
      { test: { name: "exhaustive", include: EXHAUSTIVE, ...REAL } },
    ],
    // etcd3's channels in the lab name an IP address to TLS, which Node deplores on every start.
    execArgv: ["--disable-warning=DEP0123"],
    // Two cores: more workers only make the etcd clusters miss their heartbeats.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
