import { stepTests } from "./suites/step-tests.ts";

stepTests("systemd");
