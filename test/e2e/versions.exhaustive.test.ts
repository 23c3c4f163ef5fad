import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { LAYOUTS, versionTests } from "./suites/versions.ts";

for (const version of ETCD_VERSIONS) versionTests(version, LAYOUTS);
