import { stepTests } from "./suites/step-tests.ts";

stepTests("bare", "those of the layout");
