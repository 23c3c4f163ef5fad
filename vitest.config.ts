import { defineConfig } from "vitest/config";

/** Tests that start real servers and programs, move much data or sign very often: everything else is quick, and is what `npm run test:unit` runs. */
const INTEGRATION = [
  "test/seal/age.test.ts",
  "test/seal/stock-programs.test.ts",
  "test/seal/seal.test.ts",
  "test/seal/zstd-frames.test.ts",
  "test/store/sealed.test.ts",
  "test/store/directory/writer.test.ts",
  "test/jobs/backup-faults.test.ts",
  "test/jobs/backup-into-s3.test.ts",
  "test/jobs/copy.test.ts",
  "test/jobs/custody.test.ts",
  "test/jobs/list.test.ts",
  "test/jobs/rewrap.test.ts",
  "test/jobs/tampering.test.ts",
  "test/store/s3/**/*.test.ts",
  "test/etcd/**/*.live.test.ts",
  "test/functions/**/*.live.test.ts",
  "test/host-lock/**/*.test.ts",
  "test/keys/local-key-ring.test.ts",
  "test/keys/**/*.live.test.ts",
  "test/secrets/**/*.live.test.ts",
  "test/snapshot/**/*.live.test.ts",
  "test/lab/**/*.test.ts",
  "test/tools/**/*.test.ts",
  "test/e2e/**/*.test.ts",
  "test/infra/templates.test.ts",
  "test/bench/stop.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: INTEGRATION, testTimeout: 20_000, isolate: false } },
      {
        test: {
          name: "integration",
          include: INTEGRATION,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          globalSetup: ["test/support/bundles.ts"],
        },
      },
    ],
    // etcd3's channels in the lab name an IP address to TLS, which Node deplores on every start.
    execArgv: ["--disable-warning=DEP0123"],
    // Two cores: more workers only make the etcd clusters miss their heartbeats.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
