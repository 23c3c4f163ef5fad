import { isLifeboatError } from "../../errors.ts";
import { notChecked, type DoctorFinding } from "./finding.ts";

/** What `look` gives, or the finding that says why there is nothing: what fails in one place is no reason not to look at the others. */
export async function attempt<T>(subject: string, look: () => Promise<T>): Promise<readonly [T | undefined, readonly DoctorFinding[]]> {
  try {
    return [await look(), []];
  } catch (error) {
    if (!isLifeboatError(error) || error.code === "interrupted") throw error;
    return [undefined, [notChecked(subject, error)]];
  }
}
