import { flushCompileCache } from "node:module";
import { afterAll } from "vitest";

/** Set-up of each test file where NODE_COMPILE_CACHE is set: vitest ends its workers by a signal, and Node writes what it compiled only where a process ends by itself. */
afterAll(() => flushCompileCache());
