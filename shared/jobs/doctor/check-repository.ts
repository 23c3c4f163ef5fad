import { isLifeboatError } from "../../errors.ts";
import type { RepositoryFacts, RepositoryMaintenance, SnapshotRepository } from "../../store/snapshot-repository.ts";
import { attempt } from "./attempt.ts";
import type { DoctorFinding } from "./finding.ts";
import { judgeRoom } from "./judge-folder.ts";

const DAY_MS = 86_400_000;
const SUBJECT = "kopia repository";

/** What the configuration asks of a Kopia repository. */
export interface RepositoryWanted {
  /** `user@host`: whose its maintenance is to be. */
  readonly owner: string;
  readonly lock: { readonly mode: string; readonly days: number } | undefined;
}

/** Whether a Kopia repository opens, is locked as asked, and is looked after. Who may not open its password learns nothing of it. */
export async function checkRepository(
  open: () => Promise<SnapshotRepository>,
  wanted: RepositoryWanted,
  now: Date,
): Promise<readonly DoctorFinding[]> {
  const [findings = [], notChecked] = await attempt(SUBJECT, async () => {
    try {
      const repository = await open();
      const facts = await repository.status();
      const { volume } = facts;
      const room = volume === undefined ? [] : judgeRoom(SUBJECT, repository.location, volume.available);
      return [...judgeRepository(facts, await repository.maintenance(), wanted, now), ...room];
    } catch (error) {
      if (!isLifeboatError(error, "keys/denied", "keys/missing")) throw error;
      const { message, hint = "" } = error;
      return [finding("not-seen", "info", `whoever cannot open its password cannot look at it: ${message}`, hint)];
    }
  });
  return [...findings, ...notChecked];
}

export function judgeRepository(
  { blobRetention }: RepositoryFacts,
  { owner, extendsLocks, nextFull }: RepositoryMaintenance,
  wanted: RepositoryWanted,
  now: Date,
): readonly DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  if (owner !== wanted.owner)
    findings.push(
      finding(
        "maintenance-of-another",
        "problem",
        `its maintenance belongs to ${owner}, so lifeboat kopia maintain cannot run it`,
        "let lifeboat kopia init take it, or that user run it each day",
      ),
    );
  if (nextFull !== undefined && now.getTime() - nextFull.getTime() > DAY_MS)
    findings.push(
      finding(
        "maintenance-overdue",
        "warning",
        `its full maintenance was due at ${nextFull.toISOString()}: until it runs, the space of what was removed is not given back${extendsLocks ? ", and no lock is extended" : ""}`,
        "run lifeboat kopia maintain once a day",
      ),
    );
  const days = blobRetention === undefined ? 0 : blobRetention.periodMs / DAY_MS;
  if (wanted.lock !== undefined && (blobRetention?.mode !== wanted.lock.mode || days !== wanted.lock.days))
    findings.push(
      finding(
        "lock-off",
        "problem",
        `store.repository.lock asks for ${wanted.lock.mode}, ${wanted.lock.days} days, and what is written there is locked ${blobRetention === undefined ? "not at all" : `by ${blobRetention.mode}, ${days} days`}`,
        "lifeboat kopia init sets it, in a bucket with Object Lock",
      ),
    );
  else if (blobRetention !== undefined && !extendsLocks)
    findings.push(
      finding(
        "locks-expire",
        "warning",
        `locks run out ${days} days after a blob was written, also of blobs that snapshots still need`,
        "name the lock under store.repository.lock, and run lifeboat kopia init: maintenance extends it then",
      ),
    );
  return findings;
}

function finding(code: DoctorFinding["code"], severity: DoctorFinding["severity"], message: string, fix: string): DoctorFinding {
  return { code, severity, subject: SUBJECT, message, fix };
}
