import type { LoadedConfig } from "../../shared/config/load.ts";
import type { DoctorFinding } from "../../shared/jobs/doctor/finding.ts";
import type { Session } from "../command.ts";

/** What a check has to say. */
export interface Outcome {
  /** For a person. */
  readonly text: string;
  /** Under the check's name in the JSON document. */
  readonly json: unknown;
  readonly findings: readonly DoctorFinding[];
}

/** A check that needs a configuration. */
export type RunCheck = (session: Session, loaded: LoadedConfig) => Promise<Outcome>;
