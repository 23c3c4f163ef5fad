import { stopTests } from "./suites/stop.ts";

stopTests({ all: true });
