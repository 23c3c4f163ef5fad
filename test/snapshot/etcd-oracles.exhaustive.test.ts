import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { etcdOraclesTests } from "./suites/etcd-oracles.ts";

for (const version of ETCD_VERSIONS) etcdOraclesTests(version);
