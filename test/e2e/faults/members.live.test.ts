import { memberFaultTests } from "../suites/members.ts";

memberFaultTests({ all: false });
