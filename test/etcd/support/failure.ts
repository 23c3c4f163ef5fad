import { inspect } from "node:util";
import { expect } from "vitest";

import { LifeboatError } from "../../../shared/errors.ts";

/** The LifeboatError that `action` fails with. None of `secrets` may stand anywhere in it, causes and their fields included. */
export async function failureOf(action: Promise<unknown>, secrets: readonly string[] = []): Promise<LifeboatError> {
  try {
    await action;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    const everything = inspect(error, { depth: 20, showHidden: true });
    for (const secret of secrets) expect(everything).not.toContain(secret);
    return error;
  }
  throw new Error("it did not fail");
}
