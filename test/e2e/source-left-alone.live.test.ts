import { sourceLeftAloneTests } from "./suites/source-left-alone.ts";

// The oldest and the newest etcd, where a log-in leaves other traces, and each way to log in; source-left-alone.exhaustive.test.ts has all.
sourceLeftAloneTests("3.4", ["password"]);
sourceLeftAloneTests("3.7", ["plain", "certificate", "password"]);
