import { stepTests } from "./suites/step-tests.ts";

stepTests("static-pod", "all", "kills");
