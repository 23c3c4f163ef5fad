import { bundlesPrefix, clusterPrefix } from "../../documents/layout.ts";
import type { KeyPower } from "../../keys/key-inspector.ts";

/** The roles of docs/threat-model.md, by what each needs and what it may have beside. */

/** What is kept of a cluster: docs/format.md, "Layout". */
export const AREAS = [
  "snapshots",
  "data",
  "verified",
  "lineage",
  "acceptances",
  "custody",
  "rewraps",
  "pins",
  "drills",
  "catalog",
  "verdicts",
  "bundles",
] as const;
export type Area = (typeof AREAS)[number];

/** What the keys in it begin with. */
export function areaPrefix(cluster: string, area: Area): string {
  return area === "bundles" ? bundlesPrefix(cluster) : `${clusterPrefix(cluster)}${area}/`;
}

/** `list versions`: also what is hidden. `list uploads`: those that are not finished. `lock`: to extend the lock of an object. */
export type Power = KeyPower | "list" | "list versions" | "list uploads" | "lock" | `${"read" | "put" | "remove"} ${Area}`;

export interface Role {
  readonly name: "writer" | "verifier" | "desk" | "keeper" | "reader";
  /** The commands that it is for. */
  readonly commands: string;
  readonly needs: readonly Power[];
  /** For some of its commands only, or harmless. */
  readonly mayHave: readonly Power[];
}

const DOCUMENTS: readonly Power[] = ["read snapshots", "read verified", "read lineage", "read acceptances", "read custody"];

/** What was said of snapshots since their backups, which the writer need not see. */
const LATER: readonly Power[] = ["read rewraps", "read pins", "read drills"];

/** What is read in place of many documents where it may be. */
const CATALOG: readonly Power[] = ["read catalog", "read verdicts"];

/** What shows no more than a list does. */
const SEES: readonly Power[] = ["list versions", "list uploads"];

/** What is about snapshots, and goes with them. Lineages and the custody log stay. */
const REMOVABLE = ["snapshots", "data", "verified", "rewraps", "pins", "drills"] as const;

/** Of the role that verifies, for commands that not every deployment has it run. */
const PUTS_BESIDE: readonly Power[] = ["put rewraps", "put acceptances", "put pins", "put drills", "put catalog", "put verdicts"];

export const ROLES: readonly Role[] = [
  {
    name: "writer",
    commands: "backup",
    needs: ["list", "wrap", "sign snapshot", ...DOCUMENTS, "put data", "put snapshots", "put lineage", "put custody"],
    // Where the store locks what is put, whoever puts may lock.
    mayHave: [...LATER, ...CATALOG, ...SEES, "lock"],
  },
  {
    name: "verifier",
    commands: "verify --deep, prune --order, export, rewrap, copy, lineage accept, pin",
    needs: ["list", "unwrap", "sign audit", ...DOCUMENTS, "read data", ...LATER, "put verified", "put custody"],
    mayHave: ["wrap", ...PUTS_BESIDE, ...CATALOG, "read bundles", ...SEES, "lock"],
  },
  {
    name: "desk",
    commands: "bundle, export",
    needs: ["list", "unwrap", "sign bundle", ...DOCUMENTS, "read data", ...LATER, "put custody", "put bundles"],
    // For new addresses of a bundle that was published.
    mayHave: [...SEES, ...CATALOG, "lock", "read bundles"],
  },
  {
    name: "keeper",
    commands: "prune --execute",
    needs: ["list", ...SEES, ...DOCUMENTS, ...LATER, ...REMOVABLE.map((area): Power => `remove ${area}`)],
    // Published bundles go with their snapshot. Nothing orders it to remove a segment of the catalog, with which nothing is lost.
    mayHave: ["lock", "remove bundles", "remove catalog", ...CATALOG],
  },
  {
    name: "reader",
    commands: "ls, show, custody",
    needs: ["list", ...DOCUMENTS, ...LATER],
    mayHave: ["read data", "wrap", ...CATALOG, ...SEES],
  },
];

export interface RoleFit {
  readonly role: Role;
  readonly fits: boolean;
  /** What it needs and the caller may not. */
  readonly lacks: readonly Power[];
  /** What the caller may and the role should not. */
  readonly beyond: readonly Power[];
}

/** What the configuration asks of the roles besides, and spares them. */
export interface RoleWork {
  /** Data are in a Kopia repository, and each snapshot has no key of its own: nobody needs objects of data, and who backs up wraps nothing. */
  readonly keepsDataInKopia?: boolean;
  /** Locks are renewed (`store.lock.keptDays`). */
  readonly renewsLocks: boolean;
  /** Bundles may be published (`recipients`), and go with their snapshots. */
  readonly removesBundles: boolean;
}

/** How the caller's powers fit each role. */
export function fitRoles(
  powers: ReadonlySet<Power>,
  { renewsLocks, removesBundles, keepsDataInKopia = false }: RoleWork,
): readonly RoleFit[] {
  const besides: readonly Power[] = [...(renewsLocks ? (["lock"] as const) : []), ...(removesBundles ? (["remove bundles"] as const) : [])];
  return ROLES.map((role) => {
    const needs = role.name === "keeper" ? [...role.needs, ...besides] : role.needs;
    const isSpared = (power: Power): boolean =>
      keepsDataInKopia && (power.endsWith(" data") || (role.name === "writer" && power === "wrap"));
    const lacks = needs.filter((power) => !powers.has(power) && !isSpared(power));
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
