import { PURPOSES, type Purpose } from "../../keys/key-ring.ts";
import type { TrustedKeys } from "../../documents/signed-document.ts";
import type { DoctorFinding } from "./finding.ts";

/** Whether the key that signs for a purpose now is believed, and for that purpose alone. */
export function judgeTrust(subject: string, purpose: Purpose, fingerprint: string, trusted: TrustedKeys): readonly DoctorFinding[] {
  const found: DoctorFinding[] = [];
  if (!trusted[purpose].includes(fingerprint)) {
    found.push({
      code: "key-untrusted",
      severity: "problem",
      subject,
      message: `the current signing key, ${fingerprint}, is not in trustedKeys.${purpose}: what it signs is not believed`,
      fix: `if it is yours, add "${fingerprint}" to trustedKeys.${purpose}, and leave the older ones there`,
    });
  }
  const end = trusted.ends?.[fingerprint];
  if (end !== undefined) {
    found.push({
      code: "key-untrusted",
      severity: "problem",
      subject,
      message: `the current signing key, ${fingerprint}, has notAfter ${end} in trustedKeys: it must not sign any more`,
      fix: "make a new key, or take notAfter away",
    });
  }
  for (const other of PURPOSES) {
    if (other === purpose || !trusted[other].includes(fingerprint)) continue;
    found.push({
      code: "key-untrusted",
      severity: "problem",
      subject,
      message: `${fingerprint}, the key for ${purpose}, is in trustedKeys.${other} too: its role could sign in another's name`,
      fix: `take it out of trustedKeys.${other}`,
    });
  }
  return found;
}
