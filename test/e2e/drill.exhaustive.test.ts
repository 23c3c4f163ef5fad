import { drillTests } from "./suites/drill.ts";

drillTests({ all: true });
