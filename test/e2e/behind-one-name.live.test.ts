import { suiteBehindOneName } from "./suites/behind-one-name.ts";

// The other versions are in behind-one-name.exhaustive.test.ts.
suiteBehindOneName("3.6", "password");
