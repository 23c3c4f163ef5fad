import { hashKvTests } from "./suites/hash-kv.ts";

// The oldest and the newest; the exhaustive suite has all.
hashKvTests(["3.4", "3.7"]);
