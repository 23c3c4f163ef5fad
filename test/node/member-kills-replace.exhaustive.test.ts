import { memberKillTests } from "./suites/member-kills.ts";

memberKillTests("replace", "systemd", "all");
memberKillTests("replace", "static-pod", "those of the layout");
