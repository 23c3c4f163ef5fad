import { KOPIA_HOST, KOPIA_OWNER, KOPIA_USER } from "./kopia.ts";
import type { AwsCredentials, BlobRetention, CreateOptions, KopiaRepository, SnapshotInput, Splitter } from "./kopia.ts";

/** What kopia is started with: arguments, which everybody on the machine can read, and environment, which only its own user can. */

/** Of the caller's environment, what says how to reach the network from here and whom to trust there. Nothing else of it reaches kopia. */
const PASSED = [
  "PATH",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
] as const;

export interface Secrets {
  readonly password: string;
  readonly aws: AwsCredentials | undefined;
}

/** Each that must not be in a message. */
export function secretsIn({ password = "", aws }: Partial<Secrets>): readonly string[] {
  return [password, aws?.secretAccessKey ?? "", aws?.sessionToken ?? ""];
}

/** `folder` is private, and is home, temporary folder and log folder in one. */
export function environmentOf(
  caller: Readonly<Record<string, string | undefined>>,
  folder: string,
  { password, aws }: Secrets,
): Record<string, string> {
  const passed = PASSED.flatMap((name) => {
    const value = caller[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    ...Object.fromEntries(passed),
    HOME: folder,
    TMPDIR: folder,
    LC_ALL: "C",
    TZ: "UTC",
    // A crash prints no memory and leaves none.
    GOTRACEBACK: "none",
    KOPIA_PASSWORD: password,
    KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: "false",
    KOPIA_USE_KEYRING: "false",
    KOPIA_CHECK_FOR_UPDATES: "false",
    KOPIA_SEND_ERROR_NOTIFICATIONS: "never",
    ...(aws === undefined
      ? {}
      : {
          AWS_ACCESS_KEY_ID: aws.accessKeyId,
          AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
          ...(aws.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: aws.sessionToken }),
        }),
  };
}

/** What stands before every command. Without automatic maintenance: else the first snapshot runs a full one, and any later one may. */
export function globalFlags(folder: string): readonly string[] {
  return [
    `--config-file=${configFile(folder)}`,
    `--log-dir=${folder}/log`,
    "--disable-file-logging",
    "--disable-content-log",
    "--no-progress",
    "--no-auto-maintenance",
  ];
}

/** Of kopia's own configuration: a repository that is connected. */
export function configFile(folder: string): string {
  return `${folder}/repository.config`;
}

/**
 * What `kopia repository connect` writes there (Kopia's repo/local_config.go and repo/blob/s3/s3_options.go), and `connect from-config` takes. Written by us: that command would open the repository, and derive its
 * key by scrypt, once more before each that does something. The credentials are empty: kopia then takes those of its environment each time. Without a cache kopia keeps nothing on the disk.
 */
export function configurationOf(repository: KopiaRepository): string {
  return JSON.stringify({
    storage: storageOf(repository),
    caching: {},
    hostname: KOPIA_HOST,
    username: KOPIA_USER,
    enableActions: false,
  });
}

const NO_CREDENTIALS: AwsCredentials = { accessKeyId: "", secretAccessKey: "", sessionToken: "" };

function storageOf(repository: KopiaRepository, aws: AwsCredentials = NO_CREDENTIALS): object {
  if (repository.kind === "filesystem") return { type: "filesystem", config: { path: repository.path, dirShards: null } };
  const { bucket, prefix, region, endpoint } = repository;
  const url = endpoint === undefined ? undefined : new URL(endpoint);
  return {
    type: "s3",
    config: {
      bucket,
      prefix,
      endpoint: url?.host ?? "s3.amazonaws.com",
      doNotUseTLS: url?.protocol === "http:",
      accessKeyID: aws.accessKeyId,
      secretAccessKey: aws.secretAccessKey,
      sessionToken: aws.sessionToken ?? "",
      ...(region === undefined ? {} : { region }),
    },
  };
}

/** Flags of `create` for who we are and where the repository is, as `configurationOf` has it. */
function placeFlags(repository: KopiaRepository): readonly string[] {
  const own = [
    `--override-username=${KOPIA_USER}`,
    `--override-hostname=${KOPIA_HOST}`,
    "--no-check-for-updates",
    "--content-cache-size-mb=0",
  ];
  if (repository.kind === "filesystem") return ["filesystem", `--path=${repository.path}`, ...own];
  const { bucket, prefix, region, endpoint } = repository;
  const url = endpoint === undefined ? undefined : new URL(endpoint);
  return [
    "s3",
    `--bucket=${bucket}`,
    `--prefix=${prefix}`,
    ...(region === undefined ? [] : [`--region=${region}`]),
    ...(url === undefined ? [] : [`--endpoint=${url.host}`]),
    ...(url?.protocol === "http:" ? ["--disable-tls"] : []),
    "--access-key=",
    "--secret-access-key=",
    "--session-token=",
    ...own,
  ];
}

export function createFlags(repository: KopiaRepository, { splitter, retention }: CreateOptions): readonly string[] {
  const lock = retention === undefined ? [] : retentionFlags(retention);
  return ["repository", "create", ...placeFlags(repository), `--object-splitter=${splitter}`, ...lock];
}

export function retentionFlags({ mode, days }: BlobRetention): readonly string[] {
  return [`--retention-mode=${mode.toUpperCase()}`, `--retention-period=${days * 24}h`];
}

/** Go's largest of 32 bits: more snapshots than there will ever be. */
const ALL = 2_147_483_647;

/**
 * Each of what a policy above ours could set otherwise: then a snapshot would expire, be left out where it is like the last, or miss what
 * could not be read.
 */
export function policyFlags(splitter: Splitter): readonly string[] {
  return [
    "policy",
    "set",
    KOPIA_OWNER,
    `--keep-latest=${ALL}`,
    ...["hourly", "daily", "weekly", "monthly", "annual"].map((each) => `--keep-${each}=0`),
    "--ignore-identical-snapshots=false",
    "--ignore-file-errors=false",
    "--ignore-dir-errors=false",
    "--compression=zstd-fastest",
    `--splitter=${splitter}`,
  ];
}

export function snapshotFlags({ source, file, tags }: SnapshotInput): readonly string[] {
  return ["snapshot", "create", "--json", "--no-send-snapshot-report", `--stdin-file=${file}`, ...tagFlags(tags), source];
}

export function tagFlags(tags: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(tags).map(([name, value]) => `--tags=${name}:${value}`);
}

/**
 * `sync-to` of everything that is not there yet. What is there is left as it is, also where the original is newer: whoever damages the one
 * repository must not damage the other by it. Nothing is deleted there. Its place is a token on stdin: the environment holds the
 * credentials of the one that is copied, and has no room for a second pair.
 */
export function syncFlags(mustExist: boolean): readonly string[] {
  const must = mustExist ? ["--must-exist"] : [];
  return ["repository", "sync-to", "from-config", "--token-stdin", "--no-update", "--no-delete", "--parallel=4", ...must];
}

/** Kopia's word for a place with its credentials (repo/token.go), without a password. */
export function tokenOf(repository: KopiaRepository, aws: AwsCredentials | undefined): string {
  return Buffer.from(JSON.stringify({ version: "1", storage: storageOf(repository, aws) })).toString("base64url");
}

/** For messages. */
export function locationOf(repository: KopiaRepository): string {
  return repository.kind === "filesystem" ? repository.path : `s3://${repository.bucket}/${repository.prefix}`;
}
