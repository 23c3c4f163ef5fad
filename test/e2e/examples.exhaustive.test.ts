import { examplesTests } from "./suites/examples.ts";

examplesTests({ all: true });
