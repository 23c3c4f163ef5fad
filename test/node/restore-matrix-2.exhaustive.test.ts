import { matrixTests } from "./suites/matrix-tests.ts";

matrixTests(1, 2);
