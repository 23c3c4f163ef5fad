import { pruneKillTests } from "./suites/prune-kill.ts";

pruneKillTests({ all: false });
