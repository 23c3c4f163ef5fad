import { killBundleTests } from "./suites/kill-bundle.ts";

killBundleTests({ all: false });
