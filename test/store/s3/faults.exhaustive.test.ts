import { faultsTests } from "./suites/faults.ts";

faultsTests({ all: true });
