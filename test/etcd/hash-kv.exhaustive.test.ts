import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { hashKvTests } from "./suites/hash-kv.ts";

hashKvTests(ETCD_VERSIONS);
