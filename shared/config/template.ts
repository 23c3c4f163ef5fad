import { stringify } from "yaml";

/** What `lifeboat init` knows of a cluster. Paths are relative to the file. */
export interface ClusterDraft {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly username?: string | undefined;
}

export interface ConfigDraft {
  readonly store: string;
  readonly keys: string;
  readonly breakGlass: string;
  readonly trustedKeys: Readonly<Record<"snapshot" | "audit" | "bundle", string>>;
  readonly cluster: ClusterDraft | undefined;
}

/** A lifeboat.yaml with every setting written out at its default, and a comment for each. */
export function renderConfig(draft: ConfigDraft): string {
  return `# etcd-lifeboat. Relative paths are relative to this file. An unknown setting is an error.
# Secrets are never written here: file:PATH, env:NAME, secretsmanager:NAME#FIELD or ssm:NAME says where one is.
version: 1

# Where snapshots are kept.
store:
  kind: directory
  path: ${yaml(draft.store)}
  # mustExist: true                        # never made anew: refused without its store.json, as where its disk is not mounted
# or in S3, or a store that speaks like it. Credentials are the AWS SDK's to find (environment, profile, role):
#   kind: s3
#   bucket: my-etcd-backups
#   region: eu-central-1
#   prefix: lifeboat                       # left out: the whole bucket
#   endpoint: https://s3.example:9000      # left out: AWS
#   pathStyle: true                        # the bucket in the path, not in the host's name (default: false)
#   profile: backups                       # whose credentials (~/.aws); left out: the environment, the role
#   expectedBucketOwner: "123456789012"    # the account that the bucket must belong to
#   sse: { kmsKey: alias/lifeboat-bucket } # encryption by KMS at rest, with a key that wraps nothing else
#   lock: { mode: governance, days: 14 }   # Object Lock: nobody removes or replaces what is stored for so long

# The keys that sign, and that wrap each snapshot's own key. A host that only backs up needs snapshot.key,
# snapshot.pub and wrapping.pub; whoever has wrapping.key can read every snapshot.
keys:
  kind: local
  path: ${yaml(draft.keys)}
# or in AWS KMS (a symmetric key that wraps, and an ECC_NIST_P256 key for each purpose):
#   kind: kms
#   region: eu-central-1
#   wrap: alias/lifeboat-wrap
#   retired: [arn:aws:kms:...:key/...]     # older wrapping keys, as long as something is wrapped under them
#   sign: { snapshot: alias/lifeboat-snapshot, audit: alias/lifeboat-audit, bundle: alias/lifeboat-bundle }
#   # endpoint: https://...    # of a private endpoint or an emulator; left out: AWS's own for the region

# Where helper programs (age, etcdctl, etcdutl, etcd) lie, if in a folder of your own. Left out: the package for this
# system, then PATH. lifeboat doctor --tools says which are found.
tools: {}
#   dir: ./tools

# age recipients that can open every snapshot should all other keys be lost. Keep their identities offline.
breakGlass:
  - ${draft.breakGlass}

# Further stores that every snapshot is copied to, for the day when this one is gone (docs/cli.md, "Replicas"):
#   replicas:
#     - name: offsite
#       store: { kind: s3, bucket: my-etcd-backups-offsite, region: eu-west-1 }
#       wrap: { kind: kms, key: alias/lifeboat-offsite, region: eu-west-1 }  # or { kind: local, recipient: age1... }

# Who may get a restore bundle, and each one's age recipient: nodes and people (docs/cli.md, "lifeboat bundle").
# lifeboat recipients add NAME age1... checks one and prints its line.
#   recipients:
#     cp-1: age1...
# Whether a bundle may be made for somebody who is not listed, with a reason: allow or refuse.
desk:
  unenrolled: allow

# The largest snapshot that is taken or opened: a manifest that claims more is refused before anything is read.
maxDatabaseSize: 64GiB

# Fingerprints of the keys whose signatures are believed (lifeboat keys prints them). A retired key stays listed as
# long as documents signed by it are to be believed; one that may be stolen as
# { key: "sha256:...", notAfter: "2026-11-28T00:00:00Z" }: then only what the custody log had by that time is.
trustedKeys:
  snapshot: [${yaml(draft.trustedKeys.snapshot)}]
  audit: [${yaml(draft.trustedKeys.audit)}]
  bundle: [${yaml(draft.trustedKeys.bundle)}]

${draft.cluster === undefined ? NO_CLUSTERS : `clusters:\n${indent(renderCluster(draft.cluster), 2)}`}`;
}

const NO_CLUSTERS = `# No clusters yet. An example of one, with every setting (see also lifeboat init --cluster):
#   clusters:
${commentOut(indent(renderCluster({ name: "prod", endpoints: ["https://10.0.0.1:2379"], ca: "ca.pem", cert: "client.pem", key: "client-key.pem" }), 4))}
clusters: {}
`;

function renderCluster(cluster: ClusterDraft): string {
  return `${cluster.name}:
  endpoints:
${indent(cluster.endpoints.map((each) => `- ${yaml(each)}\n`).join(""), 4)}${renderTls(cluster)}${renderAuth(cluster.username)}
  # How long to wait: for a connection, for an answer, for the next byte of a snapshot, for a whole snapshot, and for a
  # member's hash of all its keys.
  timeouts:
    connect: 5s
    call: 10s
    idle: 30s
    total: 1h
    hashKv: 2m

  # How many voting members must confirm what a snapshot holds: quorum, all, one, or off. Each that is asked reads its
  # whole database for it, and takes no writes meanwhile (some 0.3 s per GB): one at a time, the leader last.
  agreement: quorum
  # voters: 3                    # how many voting members there are, where only an etcd grpc-proxy can be asked: it lists none

  # Whether verify --deep asks the members itself, by credentials of its own where they are given (else the cluster's):
  # required (only what members confirmed is good), wanted or off.
  verify:
    confirm: wanted
    # Snapshots of this size and more get an index of their keys, by which lifeboat get reads one without the rest; never.
    indexFrom: 64MiB
    # Which snapshots verify --missing reads back: always (all of them), or those so far apart, less than rpo. What is not
    # read back is not good, and retention does not count it.
    deepVerify: always
    # endpoints: [https://10.0.9.1:2379]
    # tls: { ca: file:ca.pem, cert: file:verify.pem, key: file:verify-key.pem }
    # auth: { username: verifier, password: env:ETCD_VERIFY_PASSWORD }

  # How often a restore is to be rehearsed by lifeboat drill: { every: 7d }. Without it nobody asks.
  drill: {}

  # How often files of its nodes are to be collected: { every: 1d }. Without it nobody asks.
  nodeFiles: {}

  # How often a backup is due: { rate: 1h } or { cron: "0 2 * * *", timeZone: Europe/Berlin }.
  # The service in AWS keeps to it (docs/cli.md, "Settings of the service"); elsewhere cron, systemd or Kubernetes run
  # lifeboat backup.
  schedule:
    rate: 1h

  # How many good snapshots to keep: the last 3, and the newest of each of the last 24 hours, 7 days and so on that have
  # any. A snapshot within minAge of the newest good one is never removed. A snapshot that is not good is kept until a good
  # one is newer by keepUnverified.
  retention:
    latest: 3
    hourly: 24
    daily: 7
    weekly: 4
    monthly: 12
    annual: 1
    minAge: 1d
    keepUnverified: 7d

  # The greatest loss, in time, that is acceptable: the service in AWS has an alarm for it.
  rpo: 2h

  # The time zone in which days, weeks, months and years of the retention begin.
  timeZone: UTC
`;
}

function renderTls({ ca, cert, key, endpoints }: ClusterDraft): string {
  if (!endpoints.some((each) => each.startsWith("https:"))) return "";
  const optional = (name: string, value: string | undefined, example: string): string =>
    value === undefined ? `    # ${name}: ${example}\n` : `    ${name}: ${yaml(`file:${value}`)}\n`;
  const lines = [
    optional("ca", ca, "file:ca.pem              # left out: the system's certificate authorities"),
    optional("cert", cert, "file:client.pem"),
    optional("key", key, "file:client-key.pem"),
    "    # serverName: etcd.example    # the name in the server's certificate, where it is not the endpoint's host\n",
  ];
  return `\n  tls:${ca === undefined && cert === undefined ? " {}" : ""}\n${lines.join("")}`;
}

function renderAuth(username: string | undefined): string {
  const example = "  # auth:\n  #   username: root\n  #   password: env:ETCD_PASSWORD\n";
  if (username === undefined)
    return `\n  # Where etcd has auth on and the client certificate is not root's: a user with the root role.\n${example}`;
  return `\n  auth:\n    username: ${yaml(username)}\n    password: env:ETCD_PASSWORD\n`;
}

/** A scalar, quoted where YAML needs it. */
function yaml(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}

function indent(text: string, spaces: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(spaces));
}

function commentOut(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "# ").replaceAll(/ +$/gm, "");
}
