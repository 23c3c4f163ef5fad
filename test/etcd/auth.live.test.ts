import { authTests } from "./suites/auth.ts";

// The oldest and the newest; the exhaustive suite has all.
authTests(["3.4", "3.7"]);
