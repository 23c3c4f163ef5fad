import { labClusterTests, labVersionTests } from "./suites/etcd-cluster.ts";

// The oldest and the newest; the exhaustive suite has all.
labVersionTests(["3.4", "3.7"]);
labClusterTests();
