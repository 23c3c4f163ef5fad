import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { labVersionTests } from "./suites/etcd-cluster.ts";

labVersionTests(ETCD_VERSIONS);
