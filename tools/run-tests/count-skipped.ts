import { writeFileSync } from "node:fs";
import type { Reporter, TestModule, Vitest } from "vitest/node";

/** A reporter of vitest that prints nothing: it writes into the file that LIFEBOAT_SKIPPED_COUNT names how many tests were skipped. */
export default class CountSkipped implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env["LIFEBOAT_SKIPPED_COUNT"] ?? "";
    if (path === "" || this.#isFiltered) return;
    const skipped = modules.flatMap((each) => [...each.children.allTests("skipped")]);
    writeFileSync(path, String(skipped.length));
  }
}
