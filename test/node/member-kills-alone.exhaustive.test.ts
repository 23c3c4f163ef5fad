import { memberKillTests } from "./suites/member-kills.ts";

memberKillTests("force-new-cluster", "systemd");
memberKillTests("force-new-cluster", "static-pod", ["put-force", "start-forced", "drop-force", "start-etcd"]);
memberKillTests("rebuild", "systemd");
