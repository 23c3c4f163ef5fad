import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { authTests } from "./suites/auth.ts";

authTests(ETCD_VERSIONS);
