import { memberKillTests } from "./suites/member-kills.ts";
import { STEPS_BY_LAYOUT } from "./suites/steps.ts";

memberKillTests("replace", "systemd");
memberKillTests("replace", "static-pod", STEPS_BY_LAYOUT);
