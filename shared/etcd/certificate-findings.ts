import { problem, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";
import type { Certificate } from "./etcd-source.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** kubeadm and most others renew within the last month. */
const EXPIRING_MS = 30 * DAY_MS;

/** What the dates of a certificate say at `now`. `subject` is an endpoint, or `client certificate`. */
export function certificateFindings(subject: string, { subject: name, notBefore, notAfter }: Certificate, now: Date): readonly Finding[] {
  const which = subject === "client certificate" ? `the client certificate (${name})` : `its certificate (${name})`;
  const renew =
    subject === "client certificate" ? "renew tls.cert" : "renew etcd's --cert-file: a running etcd takes the new one by itself";
  if (notAfter <= now) return [problem("certificate-expired", subject, `${which} expired on ${day(notAfter)}`, renew)];
  if (notBefore > now) {
    return [
      problem(
        "certificate-not-yet-valid",
        subject,
        `${which} is not valid before ${notBefore.toISOString()}`,
        "check the clocks of this machine and of the CA",
      ),
    ];
  }
  const leftMs = notAfter.getTime() - now.getTime();
  if (leftMs >= EXPIRING_MS) return [];
  const days = Math.floor(leftMs / DAY_MS);
  const left = days === 0 ? "in less than a day" : days === 1 ? "in a day" : `in ${days} days`;
  return [warning("certificate-expiring", subject, `${which} expires ${left}, on ${day(notAfter)}`, renew)];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
