import { restoreByBundleTests } from "./suites/restore-by-bundle.ts";

restoreByBundleTests([{ layouts: ["systemd"], way: "all" }], false);
