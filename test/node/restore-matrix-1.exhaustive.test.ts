import { matrixTests } from "./suites/matrix-tests.ts";

matrixTests(0, 2);
