import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { casesOf, realEtcdTests } from "./suites/real-etcd.ts";

realEtcdTests(ETCD_VERSIONS.flatMap((version) => casesOf(version, ["plain", "tls", "password", "certificate"])));
