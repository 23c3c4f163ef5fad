import { memberKillTests } from "./suites/member-kills.ts";

memberKillTests("force-new-cluster", "static-pod", "all");
memberKillTests("force-new-cluster", "systemd", "those of the layout");
memberKillTests("rebuild", "systemd", "all");
