import type { LifeboatError } from "../../errors.ts";
import type { LocalFacts } from "../../keys/key-inspector.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import type { DoctorFinding } from "./finding.ts";
import { judgeTrust } from "./judge-trust.ts";

/** What is wrong with a folder of keys. A file that is not there is none of it: each host has those of its role. */
export function judgeLocalKeys({ folder, mode, keys }: LocalFacts, trusted: TrustedKeys): readonly DoctorFinding[] {
  if (mode === undefined) {
    const fix = "check that keys.path is right, or make keys with lifeboat init";
    return [{ code: "key-missing", severity: "problem", subject: "keys", message: `folder ${folder} not found`, fix }];
  }
  const found: DoctorFinding[] = [];
  for (const { use, secret, public: published, name } of keys) {
    for (const { file, state } of [secret, published]) if (state !== undefined && state !== "here") found.push(unusable(file, state));
    if (use !== "wrap" && name !== undefined) found.push(...judgeTrust(`${use}.key`, use, name, trusted));
  }
  if (keys.every(({ secret, public: published }) => secret.state === undefined && published.state === undefined)) {
    const fix = "check that keys.path is right, copy the files of this host's role there, or make keys with lifeboat init";
    found.push({ code: "key-missing", severity: "problem", subject: "keys", message: `there is no key in ${folder}`, fix });
  }
  if ((mode & 0o022) !== 0) {
    found.push({
      code: "key-folder-open",
      severity: "problem",
      subject: "keys",
      message: `users other than the owner of ${folder} may replace your keys with theirs (mode ${mode.toString(8).padStart(4, "0")})`,
      fix: `chmod 700 ${folder}, and check that the fingerprints are the ones in trustedKeys: lifeboat keys`,
    });
  }
  return found;
}

/** Two halves that do not fit are told once for each file: both may be the wrong one. */
function unusable(file: string, { message, hint = "" }: LifeboatError): DoctorFinding {
  return { code: "key-unusable", severity: "problem", subject: file, message, fix: hint };
}
