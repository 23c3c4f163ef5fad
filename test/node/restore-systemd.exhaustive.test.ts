import { stepTests } from "./suites/step-tests.ts";

stepTests("systemd", "those of the layout");
