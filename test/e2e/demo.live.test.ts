import { demoTests } from "./suites/demo.ts";

demoTests({ all: false });
