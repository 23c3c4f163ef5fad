import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { SECURITIES, sourceLeftAloneTests } from "./suites/source-left-alone.ts";

for (const version of ETCD_VERSIONS) sourceLeftAloneTests(version, SECURITIES);
