import { ETCD_VERSIONS } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import type { SiteSecurity } from "../../support/site-certificates.ts";
import type { Layout } from "../../support/site-node.ts";

/** What a restore may depend on, and which combinations are tried. */

export interface Case {
  readonly layout: Layout;
  readonly version: EtcdVersion;
  readonly members: 1 | 3;
  readonly security: SiteSecurity;
  /** All restore at once, or one restores and the others join. */
  readonly way: "all" | "join";
}

export const LAYOUTS = ["static-pod", "systemd", "bare"] as const;
const MEMBERS = [1, 3] as const;
const SECURITIES = ["plain", "tls", "auth"] as const;
const WAYS = ["all", "join"] as const;

/** Every combination that there is: with one member nobody can join. */
export const ALL_CASES: readonly Case[] = LAYOUTS.flatMap((layout) =>
  ETCD_VERSIONS.flatMap((version) =>
    MEMBERS.flatMap((members) =>
      SECURITIES.flatMap((security) =>
        WAYS.filter((way) => way === "all" || members > 1).map((way): Case => ({ layout, version, members, security, way })),
      ),
    ),
  ),
);

/** The pairs of values of two factors that a case has. */
export function pairsOf(one: Case): readonly string[] {
  const values = Object.entries(one).map(([factor, value]) => `${factor}=${value}`);
  return values.flatMap((first, index) => values.slice(index + 1).map((second) => `${first} ${second}`));
}

/** Cases that have every pair of values which any case has: greedily the one that adds most, of equals the one with fewer members. */
export function pairwise(cases: readonly Case[]): readonly Case[] {
  const missing = new Set(cases.flatMap(pairsOf));
  const chosen: Case[] = [];
  const adds = (one: Case): number => pairsOf(one).filter((pair) => missing.has(pair)).length;
  while (missing.size > 0) {
    const best = cases.toSorted((one, other) => adds(other) - adds(one) || one.members - other.members)[0];
    if (best === undefined) break;
    chosen.push(best);
    for (const pair of pairsOf(best)) missing.delete(pair);
  }
  return chosen;
}
