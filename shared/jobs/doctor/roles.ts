import type { KeyPower } from "../../keys/key-inspector.ts";

/** The roles of docs/threat-model.md, by what each needs and what it may have beside. */

/** What is kept below a cluster's prefix: docs/format.md, "Layout". */
export const AREAS = ["snapshots", "data", "verified", "lineage", "acceptances", "custody", "rewraps", "pins", "drills"] as const;
export type Area = (typeof AREAS)[number];

export type Power = KeyPower | "list" | `${"read" | "put" | "remove"} ${Area}`;

export interface Role {
  readonly name: "writer" | "verifier" | "desk" | "reader";
  /** The commands that it is for. */
  readonly commands: string;
  readonly needs: readonly Power[];
  /** For some of its commands only, or harmless. */
  readonly mayHave: readonly Power[];
}

const DOCUMENTS: readonly Power[] = ["read snapshots", "read verified", "read lineage", "read acceptances", "read custody"];

/** What was said of snapshots since their backups, which the writer need not see. */
const LATER: readonly Power[] = ["read rewraps", "read pins", "read drills"];

export const ROLES: readonly Role[] = [
  {
    name: "writer",
    commands: "backup",
    needs: ["list", "wrap", "sign snapshot", ...DOCUMENTS, "put data", "put snapshots", "put lineage", "put custody"],
    mayHave: LATER,
  },
  {
    name: "verifier",
    commands: "verify --deep, export, rewrap, copy, lineage accept, pin",
    needs: ["list", "unwrap", "sign audit", ...DOCUMENTS, "read data", ...LATER, "put verified", "put custody"],
    mayHave: ["wrap", "put rewraps", "put acceptances", "put pins", "put drills"],
  },
  {
    name: "desk",
    commands: "export; bundles, later",
    needs: ["list", "unwrap", "sign bundle", ...DOCUMENTS, "read data", ...LATER, "put custody"],
    mayHave: [],
  },
  { name: "reader", commands: "ls, show, custody", needs: ["list", ...DOCUMENTS, ...LATER], mayHave: ["read data", "wrap"] },
];

export interface RoleFit {
  readonly role: Role;
  readonly fits: boolean;
  /** What it needs and the caller may not. */
  readonly lacks: readonly Power[];
  /** What the caller may and the role should not. */
  readonly beyond: readonly Power[];
}

/** How the caller's powers fit each role. */
export function fitRoles(powers: ReadonlySet<Power>): readonly RoleFit[] {
  return ROLES.map((role) => {
    const lacks = role.needs.filter((power) => !powers.has(power));
    const own = new Set([...role.needs, ...role.mayHave]);
    return { role, fits: lacks.length === 0, lacks, beyond: [...powers].filter((power) => !own.has(power)) };
  });
}

/** `put data, snapshots; sign audit`: powers of a kind together. */
export function describePowers(powers: readonly Power[]): string {
  const groups = Map.groupBy(powers, (power) => power.split(" ", 1)[0] ?? "");
  return [...groups]
    .map(([verb, of]) => {
      const objects = of.map((power) => power.slice(verb.length + 1)).filter((object) => object !== "");
      return objects.length === 0 ? verb : objects.length === AREAS.length ? `${verb} everything` : `${verb} ${objects.join(", ")}`;
    })
    .join("; ");
}
