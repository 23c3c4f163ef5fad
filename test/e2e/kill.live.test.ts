import { killTests } from "./suites/kill.ts";

killTests({ all: false });
