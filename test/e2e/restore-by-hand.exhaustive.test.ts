import { ETCD_VERSIONS } from "../../tools/lab/etcd-programs.ts";
import { skipWithout } from "../support/programs.ts";
import { etcdPrograms } from "../../tools/lab/etcd-programs.ts";
import { restoreByHandTests } from "./suites/restore-by-hand.ts";

const versions = ETCD_VERSIONS.filter((version) => !skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined));

restoreByHandTests(
  versions.flatMap((version) =>
    ([1, 3] as const).flatMap((members) => (["static pods", "systemd"] as const).map((manager) => ({ version, members, manager }))),
  ),
);
