import { restoreByHandTests } from "./suites/restore-by-hand.ts";

restoreByHandTests([
  { version: "3.6", members: 3, manager: "static pods" },
  { version: "3.5", members: 1, manager: "systemd" },
]);
