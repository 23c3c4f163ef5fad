import type { JsonDocument } from "../../shared/contract/documents.ts";
import type { LoadedConfig } from "../../shared/config/load.ts";
import type { DoctorFinding } from "../../shared/jobs/doctor/finding.ts";
import type { Session } from "../command.ts";

export type CheckName = Exclude<keyof JsonDocument<"doctor">, "findings">;

/** What a check has to say. */
export interface Outcome<Name extends CheckName = CheckName> {
  /** For a person. */
  readonly text: string;
  /** Under the check's name in the JSON document. */
  readonly json: JsonDocument<"doctor">[Name];
  readonly findings: readonly DoctorFinding[];
}

/** A check that needs a configuration. */
export type RunCheck<Name extends CheckName> = (session: Session, loaded: LoadedConfig) => Promise<Outcome<Name>>;
