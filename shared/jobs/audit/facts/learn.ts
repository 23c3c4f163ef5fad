import { known, unknown } from "../../../audit/facts.ts";
import type { Fact } from "../../../audit/facts.ts";
import { isLifeboatError } from "../../../errors.ts";

/** What `look` gives, or why it gives nothing: what cannot be learned is no reason not to learn the rest. Throws `interrupted`, and what is a bug. */
export async function learn<T>(look: () => Promise<T>): Promise<Fact<T>> {
  try {
    return known(await look());
  } catch (error) {
    if (!isLifeboatError(error) || error.code === "interrupted") throw error;
    return unknown(error.message);
  }
}
