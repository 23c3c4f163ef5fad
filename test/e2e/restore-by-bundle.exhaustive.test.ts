import { restoreByBundleTests } from "./suites/restore-by-bundle.ts";

restoreByBundleTests(
  [
    { layouts: ["static-pod", "systemd", "static-pod"], way: "all" },
    { layouts: ["systemd", "bare", "static-pod"], way: "join" },
    { layouts: ["static-pod"], way: "all" },
  ],
  true,
);
