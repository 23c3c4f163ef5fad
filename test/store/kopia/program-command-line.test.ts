import { describe, expect, test } from "vitest";
import {
  configurationOf,
  createFlags,
  environmentOf,
  globalFlags,
  locationOf,
  policyFlags,
  snapshotFlags,
} from "../../../shared/store/kopia/program/command-line.ts";
import type { KopiaRepository } from "../../../shared/store/kopia/program/kopia.ts";

const AWS = { accessKeyId: "AKIA-one", secretAccessKey: "a secret key", sessionToken: "a session token" };

function bucket(change: object = {}): KopiaRepository {
  return { kind: "s3", bucket: "b", prefix: "k/", region: "eu-central-1", endpoint: undefined, credentials: async () => AWS, ...change };
}

describe("the environment", () => {
  const caller = {
    PATH: "/opt/bin",
    HTTPS_PROXY: "http://proxy:3128",
    SSL_CERT_FILE: "/etc/own.pem",
    HOME: "/root",
    XDG_CONFIG_HOME: "/root/.config",
    KOPIA_PASSWORD: "another",
    KOPIA_CONFIG_PATH: "/root/other.config",
    KOPIA_ENABLE_OTLP_TRACE: "true",
    AWS_PROFILE: "other",
    AWS_SESSION_TOKEN: "another",
    GOTRACEBACK: "crash",
    NODE_OPTIONS: "--inspect",
  };

  test("is all our own, but for the way to the network", () => {
    expect(environmentOf(caller, "/tmp/private", { password: "pw", aws: undefined })).toEqual({
      PATH: "/opt/bin",
      HTTPS_PROXY: "http://proxy:3128",
      SSL_CERT_FILE: "/etc/own.pem",
      HOME: "/tmp/private",
      TMPDIR: "/tmp/private",
      LC_ALL: "C",
      TZ: "UTC",
      GOTRACEBACK: "none",
      KOPIA_PASSWORD: "pw",
      KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: "false",
      KOPIA_USE_KEYRING: "false",
      KOPIA_CHECK_FOR_UPDATES: "false",
      KOPIA_SEND_ERROR_NOTIFICATIONS: "never",
    });
  });

  test("holds the credentials of a bucket, and a session's token only where there is one", () => {
    const { sessionToken: _, ...lasting } = AWS;
    expect(environmentOf({}, "/t", { password: "pw", aws: AWS })).toMatchObject({
      PATH: "/usr/local/bin:/usr/bin:/bin",
      AWS_ACCESS_KEY_ID: "AKIA-one",
      AWS_SECRET_ACCESS_KEY: "a secret key",
      AWS_SESSION_TOKEN: "a session token",
    });
    expect(environmentOf(caller, "/t", { password: "pw", aws: lasting })).not.toHaveProperty("AWS_SESSION_TOKEN");
  });
});

describe("where the repository is", () => {
  const own = ["--override-username=backup", "--override-hostname=etcd-lifeboat", "--no-check-for-updates", "--content-cache-size-mb=0"];

  test("a folder", () => {
    expect(placeOf({ kind: "filesystem", path: "/srv/kopia" })).toEqual(["filesystem", "--path=/srv/kopia", ...own]);
    expect(JSON.parse(configurationOf({ kind: "filesystem", path: "/srv/kopia" }))).toEqual({
      storage: { type: "filesystem", config: { path: "/srv/kopia", dirShards: null } },
      caching: {},
      hostname: "etcd-lifeboat",
      username: "backup",
      enableActions: false,
    });
    expect(locationOf({ kind: "filesystem", path: "/srv/kopia" })).toBe("/srv/kopia");
  });

  test("a bucket of AWS: no credential is an argument, and none is kept", () => {
    expect(placeOf(bucket())).toEqual([
      "s3",
      "--bucket=b",
      "--prefix=k/",
      "--region=eu-central-1",
      "--access-key=",
      "--secret-access-key=",
      "--session-token=",
      ...own,
    ]);
    expect(JSON.parse(configurationOf(bucket()))).toMatchObject({
      storage: {
        type: "s3",
        config: {
          bucket: "b",
          prefix: "k/",
          region: "eu-central-1",
          endpoint: "s3.amazonaws.com",
          doNotUseTLS: false,
          accessKeyID: "",
          secretAccessKey: "",
          sessionToken: "",
        },
      },
    });
    expect(locationOf(bucket())).toBe("s3://b/k/");
  });

  test.each([
    ["http://127.0.0.1:9000", ["--endpoint=127.0.0.1:9000", "--disable-tls"], { endpoint: "127.0.0.1:9000", doNotUseTLS: true }],
    ["https://s3.example", ["--endpoint=s3.example"], { endpoint: "s3.example", doNotUseTLS: false }],
    ["https://s3.example:9000/", ["--endpoint=s3.example:9000"], { endpoint: "s3.example:9000", doNotUseTLS: false }],
  ])("a bucket at %s", (endpoint, flags, config) => {
    expect(placeOf(bucket({ endpoint })).filter((flag) => /endpoint|tls/.test(flag))).toEqual(flags);
    expect(JSON.parse(configurationOf(bucket({ endpoint })))).toMatchObject({ storage: { config } });
  });

  /** Of `create`, between its name and what it makes. */
  function placeOf(repository: KopiaRepository): readonly string[] {
    return createFlags(repository, { splitter: "FIXED-128K" }).slice(2, -1);
  }
});

test("a repository under Object Lock", () => {
  expect(createFlags(bucket(), { splitter: "FIXED-128K", retention: { mode: "compliance", days: 30 } }).slice(-3)).toEqual([
    "--object-splitter=FIXED-128K",
    "--retention-mode=COMPLIANCE",
    "--retention-period=720h",
  ]);
});

test("the policy is ours alone, and keeps everything", () => {
  const flags = policyFlags("FIXED-128K");
  expect(flags.slice(0, 3)).toEqual(["policy", "set", "backup@etcd-lifeboat"]);
  expect(flags).toContain("--keep-latest=2147483647");
  expect(flags).toContain("--ignore-identical-snapshots=false");
});

test("a snapshot, and what stands before every command", () => {
  expect(snapshotFlags({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "prod", snapshot: "20261128T170000Z" } })).toEqual([
    "snapshot",
    "create",
    "--json",
    "--no-send-snapshot-report",
    "--stdin-file=snapshot.db",
    "--tags=cluster:prod",
    "--tags=snapshot:20261128T170000Z",
    "/etcd/prod",
  ]);
  expect(globalFlags("/tmp/private")).toContain("--no-auto-maintenance");
  expect(globalFlags("/tmp/private")[0]).toBe("--config-file=/tmp/private/repository.config");
});
