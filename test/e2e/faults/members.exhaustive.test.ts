import { memberFaultTests } from "../suites/members.ts";

memberFaultTests({ all: true });
