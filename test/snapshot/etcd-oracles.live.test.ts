import { etcdOraclesTests } from "./suites/etcd-oracles.ts";

// One of those that keep no storage version and one that does; etcd-oracles.exhaustive.test.ts has all.
for (const version of ["3.5", "3.7"] as const) etcdOraclesTests(version);
