import { killExportAndInitTests } from "./suites/kill-export-and-init.ts";

killExportAndInitTests({ all: false });
