import { installTests } from "./suites/install.ts";

installTests({ all: true });
