import type { Actor } from "../../vault/custody/append.ts";
import type { KeyInspector } from "../../keys/key-inspector.ts";
import { clusterPrefix } from "../../documents/layout.ts";
import type { StoreInspector } from "../../store/store-inspector.ts";
import type { Answer } from "../../unreadable.ts";
import { attempt } from "./attempt.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";
import { AREAS, areaPrefix, describePowers, fitRoles, type RoleWork, type Power, type RoleFit } from "./roles.ts";

export interface PermissionsCheck {
  readonly keys: KeyInspector;
  readonly store: StoreInspector;
  readonly actor: Actor;
  /** Whose prefix is tried; any name does, and a policy may know some only. */
  readonly cluster: string;
  readonly work: RoleWork;
}

export interface PermissionsReport {
  /** As the custody log names them. */
  readonly caller: string;
  readonly powers: ReadonlyMap<Power, Answer>;
  /** Empty where keys or store could not be asked: of half the answers nothing follows. */
  readonly roles: readonly RoleFit[];
  readonly findings: readonly DoctorFinding[];
}

/** Tries what the caller at hand may do, by calls that leave nothing behind, and which roles that makes. */
export async function checkPermissions(check: PermissionsCheck, signal: AbortSignal): Promise<PermissionsReport> {
  const { keys, store, cluster, work } = check;
  const [caller, [ofKeys, keysFailed], [ofStore, storeFailed]] = await Promise.all([
    check.actor(),
    attempt("keys", () => keys.powers({ cluster, snapshot: "lifeboat-doctor" }, signal)),
    attempt("store", () => storePowers(store, cluster, signal)),
  ]);
  const powers = new Map<Power, Answer>([...(ofKeys ?? []), ...(ofStore ?? [])]);
  const findings = [...keysFailed, ...storeFailed, ...unknownFindings(powers)];
  const isWhole = ofKeys !== undefined && ofStore !== undefined;
  const roles = isWhole ? fitRoles(new Set([...powers].flatMap(([power, { is }]) => (is === "allowed" ? [power] : []))), work) : [];
  if (isWhole) findings.push(...judgeRoles(caller, roles));
  return { caller, powers, roles, findings: bySeverity(findings) };
}

async function storePowers(store: StoreInspector, cluster: string, signal: AbortSignal): Promise<ReadonlyMap<Power, Answer>> {
  const [list, versions, uploads, lock] = await Promise.all([
    store.mayList(clusterPrefix(cluster), "objects", signal),
    store.mayList(clusterPrefix(cluster), "versions", signal),
    store.mayList(clusterPrefix(cluster), "uploads", signal),
    store.mayLock(`${clusterPrefix(cluster)}snapshots/`, signal),
  ]);
  const powers = new Map<Power, Answer>([
    ["list", list],
    ["list versions", versions],
    ["list uploads", uploads],
    ...(lock === undefined ? [] : [["lock", lock] as const]),
  ]);
  const found = await Promise.all(AREAS.map(async (area) => [area, await store.access(areaPrefix(cluster, area), signal)] as const));
  for (const [area, { read, put, remove }] of found) {
    // To whom may not list, S3 denies also that something is not there.
    const isKnown = list.is === "allowed" || read.is === "allowed";
    powers.set(`read ${area}`, isKnown ? read : { is: "unknown", reason: "S3 does not say without the permission to list" });
    powers.set(`put ${area}`, put);
    powers.set(`remove ${area}`, remove);
  }
  return powers;
}

/** What the caller can and cannot be. A role of a service that may do more than its work is a warning; a person with all keys knows. */
export function judgeRoles(caller: string, roles: readonly RoleFit[]): readonly DoctorFinding[] {
  const fitting = roles.filter(({ fits }) => fits);
  const nearest = roles.toSorted((one, other) => one.lacks.length - other.lacks.length)[0];
  if (fitting.length === 0) {
    return [
      {
        code: "no-role",
        severity: "problem",
        subject: caller,
        message: `this caller can act as none of ${roles.map(({ role }) => role.name).join(", ")}; for ${nearest?.role.name ?? ""} it lacks ${describePowers(nearest?.lacks ?? [])}`,
        fix: "give it the policy or the key files that docs/threat-model.md lists for its role, or use other credentials",
      },
    ];
  }
  // Whoever can do more can usually read as well.
  const working = fitting.length === 1 ? fitting : fitting.filter(({ role }) => role.name !== "reader");
  const [first, ...others] = working;
  const beyond = first?.beyond.filter((power) => others.every((other) => other.beyond.includes(power))) ?? [];
  if (working.length === 1 && beyond.length === 0) return [];
  const all = working.map(({ role }) => role.name);
  const names = [all.slice(0, -1).join(", "), ...all.slice(-1)].filter((part) => part !== "").join(" and ");
  const more = beyond.length === 0 ? "" : `may ${describePowers(beyond)}`;
  return [
    {
      code: "beyond-its-role",
      severity: isService(caller) ? "warning" : "info",
      subject: caller,
      message:
        working.length > 1
          ? `this caller can act as ${names} at once: ${dangersOf(new Set(all)).join("; ")}${more === "" ? "" : `; it also ${more}`}`
          : `beyond the work of a ${names} this caller ${more}`,
      fix: "keep what writes, what verifies and what removes apart: docs/threat-model.md has a policy and the key files of each role",
    },
  ];
}

/** What follows where one caller is more than one of these. */
function dangersOf(roles: ReadonlySet<string>): readonly string[] {
  const [writes, verifies, bundles, removes] = ["writer", "verifier", "desk", "keeper"].map((name) => roles.has(name));
  const dangers: string[] = [];
  if (writes === true && (verifies === true || bundles === true))
    dangers.push(`what backs up can then open what is stored${verifies === true ? " and countersign it" : ""}`);
  else if (verifies === true && bundles === true) dangers.push("what countersigns snapshots can then also sign what nodes run");
  if (removes === true) dangers.push(verifies === true ? "what orders a removal can then execute it" : "it can then remove what is stored");
  return dangers;
}

/** A session of an IAM role: a function, a machine, a job. */
function isService(caller: string): boolean {
  return /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\//.test(caller);
}

function unknownFindings(powers: ReadonlyMap<Power, Answer>): readonly DoctorFinding[] {
  const unknown = [...powers].filter(([, { is }]) => is === "unknown");
  return [...Map.groupBy(unknown, ([, { reason = "" }]) => reason)].map(([reason, of]) => ({
    code: "not-seen",
    severity: "info",
    subject: "permissions",
    message: `it is not known whether this caller may ${describePowers(of.map(([power]) => power))}: ${reason}`,
    fix: "",
  }));
}
