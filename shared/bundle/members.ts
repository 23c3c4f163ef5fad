import { LifeboatError } from "../errors.ts";
import type { Manifest } from "../documents/manifest.ts";

/** The members that a restore makes. */

/** How etcd runs on a node: `auto` leaves it to restore.sh to find out. */
export const LAYOUTS = ["auto", "static-pod", "systemd", "bare"] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface BundleMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly layout: Layout;
  /** Absolute; undefined where restore.sh is to find it. */
  readonly dataDir: string | undefined;
  /** A unit of systemd; undefined likewise. */
  readonly service: string | undefined;
}

export const MEMBER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** Scheme, host and port, as etcd takes it in `--initial-cluster`. */
export const MEMBER_URL = /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;
/** Far above any cluster of etcd: more than seven make it slower and no safer. */
export const MAX_MEMBERS = 15;

/** The members that the manifest lists. Learners are left out: a restored cluster begins with voters. Throws `config/invalid` where what it lists cannot be restored as it is. */
export function membersIn({ cluster, id, etcd }: Manifest): readonly BundleMember[] {
  const voters = etcd.members.filter(({ isLearner }) => !isLearner);
  const refused = (why: string): LifeboatError =>
    new LifeboatError("config/invalid", `the members of ${cluster}/${id} cannot be taken from its manifest: ${why}`, {
      hint: `write them into a file (lifeboat bundle ${cluster}/${id} --print-nodes begins one) and give it with --nodes FILE`,
    });
  if (voters.length === 0) throw refused("it lists none");
  if (voters.length > MAX_MEMBERS) throw refused(`it lists ${voters.length}, more than ${MAX_MEMBERS}`);
  for (const { id: memberId, name, peerUrls, clientUrls } of voters) {
    if (name === "") throw refused(`member ${memberId} has no name, since it never started`);
    if (!MEMBER_NAME.test(name))
      throw refused(`the name of member ${memberId} has other characters than letters, digits, '.', '_' and '-'`);
    if (peerUrls.length === 0) throw refused(`${name} has no peer URL`);
    const odd = [...peerUrls, ...clientUrls].find((url) => !MEMBER_URL.test(url));
    if (odd !== undefined) throw refused(`${name} has the URL ${odd}`);
  }
  const members = voters.map(({ name, peerUrls, clientUrls }) => ({ name, peerUrls, clientUrls, ...FOUND_ON_THE_NODE }));
  const problem = problemOf(members);
  if (problem !== undefined) throw refused(problem);
  return members.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

const FOUND_ON_THE_NODE = { layout: "auto", dataDir: undefined, service: undefined } as const;

/** Why these cannot be one cluster, the end of a sentence; undefined where they can. */
export function problemOf(members: readonly BundleMember[]): string | undefined {
  const names = members.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `two members are called ${twice}`;
  const urls = members.flatMap(({ peerUrls }) => peerUrls);
  const shared = urls.find((url, index) => urls.indexOf(url) !== index);
  return shared === undefined ? undefined : `two members have the peer URL ${shared}`;
}

/** As etcd's `--initial-cluster` has it: a pair for each peer URL. */
export function initialCluster(members: readonly BundleMember[]): string {
  return members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)).join(",");
}

/**
 * What a person should know of the certificates of members that are not where the snapshot's were, a sentence each. Which names are in a certificate only its node knows; those of the old members
 * held for their own hosts, and etcd refuses a peer whose certificate does not name the host that it is reached by.
 */
export function certificateWarnings({ etcd }: Manifest, members: readonly BundleMember[]): readonly string[] {
  const known = new Set(etcd.members.flatMap(({ peerUrls, clientUrls }) => [...peerUrls, ...clientUrls]).map(hostOf));
  return members.flatMap(({ name, peerUrls, clientUrls }) => {
    const hosts = new Set([...peerUrls, ...clientUrls].filter((url) => url.startsWith("https:")).map(hostOf));
    const fresh = [...hosts].filter((host) => !known.has(host) && !isLoopback(host));
    return fresh.length === 0
      ? []
      : [
          `no member of the snapshot had the host ${fresh.join(", ")}: the certificates of ${name} must name it, or the other members and the clients refuse it`,
        ];
  });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : url;
}

/** Every certificate of etcd that kubeadm makes names these. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
