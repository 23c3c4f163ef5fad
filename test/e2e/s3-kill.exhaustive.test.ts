import { s3KillTests } from "./suites/s3-kill.ts";

s3KillTests({ all: true });
