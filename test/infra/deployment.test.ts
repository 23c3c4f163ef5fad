import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readDeployment } from "../../infra/deployment.ts";
import { createAuthority } from "../../tools/lab/certificates.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { saying } from "../support/matchers.ts";
import { configText } from "./support/config-text.ts";

/** What lifeboat.yaml may say and cannot be deployed is refused before anything is made of it. */

let folder: TemporaryFolder;
let file: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, "lifeboat.yaml");
  await mkdir(join(folder.path, "pki"));
  const authority = await createAuthority("etcd ca");
  const { key } = await authority.issueServer(["127.0.0.1"]);
  await writeFile(join(folder.path, "pki/ca.pem"), authority.certificate);
  await writeFile(join(folder.path, "pki/both.pem"), `${authority.certificate}\n${key}`);
  await writeFile(join(folder.path, "pki/none.pem"), "no certificate\n");
  await writeFile(join(folder.path, "team.yaml"), "version: 1\nclusters: {}\n");
});
afterAll(() => folder.remove());

async function deploy(changes: Readonly<Record<string, string>>): Promise<ReturnType<typeof readDeployment>> {
  await writeFile(file, configText(changes));
  return readDeployment(file);
}

const PLACE = {
  NETWORK: "service: { network: { vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], securityGroup: sg-0123456789abcdef0 } }",
};

const KOPIA_STORE =
  "{ kind: kopia, repository: { kind: s3, bucket: kopia-1, region: eu-central-1 }, manifests: { kind: s3, bucket: b-1-2, region: eu-central-1 } }";
const PROGRAM = `kopia: { path: ./kopia, sha256: ${"a".repeat(64)} }`;

describe("what cannot be deployed is refused, with the cluster and the setting", () => {
  test.each([
    [
      { STORE: "{ kind: directory, path: ./vault }" },
      "store: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }",
    ],
    [
      { STORE: "{ kind: s3, bucket: b-1-2, region: eu-central-1, profile: backups }" },
      "store.profile: a function has no profiles, but its role; leave it out",
    ],
    [
      { STORE: "{ kind: kopia, repository: { kind: filesystem, path: ./kopia }, manifests: { kind: directory, path: ./vault } }" },
      "store.manifests: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }",
    ],
    [
      {
        STORE:
          "{ kind: kopia, repository: { kind: filesystem, path: ./kopia }, manifests: { kind: s3, bucket: b-1-2, region: eu-central-1 } }",
      },
      "store.repository: functions keep nothing on a disk; use { kind: s3, bucket: ..., region: ... }",
    ],
    [{ STORE: KOPIA_STORE }, "service.kopia: functions run kopia; name the program for linux-arm64: { path: ./kopia, sha256: ... }"],
    [{ NETWORK: `service: { ${PROGRAM} }` }, "service.kopia: the store is no Kopia repository; leave it out, or name one under store"],
    [
      { STORE: KOPIA_STORE, NETWORK: `service: { ${PROGRAM}, desk: { enabled: true } }` },
      "service.desk.enabled: the desk publishes bundles, which have no copy of a snapshot in a Kopia repository; make them with lifeboat bundle --out",
    ],
    [
      {
        STORE: KOPIA_STORE.replace("kopia-1", "b-1-2")
          .replace("region: eu-central-1 }", "prefix: k, region: eu-central-1 }")
          .replace(/region: eu-central-1 } }$/, "prefix: m, region: eu-central-1 } }"),
        NETWORK: `service: { ${PROGRAM} }`,
      },
      "store.repository.bucket: it is the vault's, whose policy lets nobody write over or remove objects as Kopia does; give it a bucket of its own",
    ],
    [
      { STORE: KOPIA_STORE.replace("bucket: kopia-1", "bucket: kopia-1, profile: p, endpoint: 'https://s3.example:9000'") },
      "store.repository.endpoint: the bucket is in AWS, and functions would look for it at https://s3.example:9000; leave it out",
    ],
    [
      {
        STORE: KOPIA_STORE,
        SERVICE: "{ databaseSize: 60GiB }",
        RPO: "7d",
        NETWORK: PLACE.NETWORK.replace("network:", `${PROGRAM}, network:`),
      },
      "clusters.prod.service.databaseSize: its backup may take more than the 15 minutes of a function, and a task has no kopia; keep it in a store of objects",
    ],
    [{ KEYS: "{ kind: local, path: ./keys }" }, "keys: functions hold no key files; use { kind: kms, ... }"],
    [
      { STORE: "{ kind: s3, bucket: b-1-2, region: us-east-1 }" },
      "keys.region: eu-central-1 is not the us-east-1 of the store; the vault is one stack, and a stack has one region",
    ],
    [
      { STORE: "{ kind: s3, bucket: b-1-2, region: eu-central-1, sse: { kmsKey: 1234abcd-12ab-34cd-56ef-1234567890ab } }" },
      "store.sse.kmsKey: name it by alias/NAME, and the vault makes it, or by the ARN of a key that is there; policies need one or the other",
    ],
    [
      { WRAP: "arn:aws:kms:eu-central-1:123456789012:alias/wrap" },
      "keys.wrap: name it by alias/NAME, and the vault makes it, or by the ARN of a key that is there; policies need one or the other",
    ],
    [{ WRAP: "alias/aws/s3" }, "keys.wrap: aliases that begin with alias/aws/ are AWS's own; take another"],
    [
      { WRAP: "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" },
      "keys.wrap: the key is in us-east-1, and bucket and functions are in eu-central-1",
    ],
    [{ WRAP: "alias/lifeboat-bucket" }, "keys.wrap: alias/lifeboat-bucket is the key of the bucket, and each has a key of its own"],
    [
      { STORE: "{ kind: s3, bucket: b-1-2, region: eu-central-1, sse: { kmsKey: alias/lifeboat-wrap } }" },
      "keys.wrap: alias/lifeboat-wrap is the key of the bucket, and each has a key of its own",
    ],
    [
      { STORE: "{ kind: s3, bucket: b-1-2, region: eu-central-1, endpoint: 'https://s3.example:9000' }" },
      "store.endpoint: the vault's bucket is in AWS, and functions would look for it at https://s3.example:9000; leave it out",
    ],
    [
      {
        WRAP: "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111",
        NETWORK: "service: { secretKeys: ['arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111'] }",
      },
      "service.secretKeys: one of them is keys.wrap, by which what backs up must not decrypt; give the secrets a key of their own",
    ],
    [
      { NETWORK: "fleet: [team.yaml]" },
      "fleet: functions have lifeboat.yaml alone, and no files of teams; set service.fleet, whose clusters the store lists",
    ],
    [{ CLUSTERS: "{}" }, "clusters: there are none to back up"],
    [
      { CLUSTERS: "{ a.b: { endpoints: ['http://10.0.0.1:2379'] }, a_b: { endpoints: ['http://10.0.0.2:2379'] } }" },
      "clusters.a_b: its state machine would be called as that of a.b; rename one of them",
    ],
    [{ SCHEDULE: "{ rate: 90s }" }, "clusters.prod.schedule: is no whole number of minutes, and AWS takes nothing finer"],
    [{ SCHEDULE: "{ cron: '0 2 31 feb *' }" }, 'clusters.prod.schedule: "0 2 31 feb *" is a time that never comes'],
    [
      { SCHEDULE: "{ cron: '0 2 1 * mon' }" },
      "clusters.prod.schedule: restricts the day of the month and the day of the week, and AWS takes one of them",
    ],
    [
      { SCHEDULE: "{ cron: '0 2 * * mon' }", RPO: "7d" },
      "clusters.prod.schedule: leaves gaps that no alarm of CloudWatch can watch, which looks back seven days; back up at least every six days",
    ],
    [
      { SCHEDULE: "{ rate: 6h }" },
      "clusters.prod.rpo: 366 minutes can lie between two verified backups by the schedule, its window and the time of a run; back up more often, or take a larger rpo",
    ],
    [
      { SCHEDULE: "{ rate: 6h }\n    verify: { deepVerify: 1d }", RPO: "30h" },
      "clusters.prod.rpo: 1806 minutes can lie between two verified backups by the schedule, its window, the time of a run and verify.deepVerify; back up or verify more often, or take a larger rpo",
    ],
    [{ SERVICE: "{ flexibleWindow: 90s }" }, "clusters.prod.service.flexibleWindow: AWS takes whole minutes, at most 24h"],
    [{ SERVICE: "{ flexibleWindow: 2d }", RPO: "7d" }, "clusters.prod.service.flexibleWindow: AWS takes whole minutes, at most 24h"],
    [
      { SERVICE: "{ databaseSize: 200GiB }", RPO: "7d", ...PLACE },
      "clusters.prod.service.databaseSize: the proof of so many entries does not fit the memory of a task; at most 143GiB do",
    ],
    [
      { SERVICE: "{ databaseSize: 60GiB }", RPO: "1d" },
      "clusters.prod.service.databaseSize: its backup may take more than the 15 minutes of a function; name service.network, so that it runs as a task there",
    ],
    [
      { AUTH: "auth: { username: root, password: env:ETCD_PASSWORD }" },
      "clusters.prod.auth.password: a function has no such variable; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME",
    ],
    [
      { AUTH: "auth: { username: root, password: file:password }" },
      "clusters.prod.auth.password: a secret would lie in the function's code; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME",
    ],
    [
      { TLS: "tls: { ca: file:pki/ca.pem, cert: file:cert.pem, key: file:key.pem }" },
      "clusters.prod.tls.key: a secret would lie in the function's code; keep it in AWS and write secretsmanager:NAME#FIELD or ssm:NAME",
    ],
    [
      { TLS: "tls: { ca: file:../ca.pem }" },
      "clusters.prod.tls.ca: ../ca.pem is not below the folder of the configuration, and goes with the function's code; copy it there",
    ],
    [
      { TLS: "tls: { ca: file:pki/gone.pem }" },
      "clusters.prod.tls.ca: cannot read pki/gone.pem, which goes with the function's code: ENOENT",
    ],
    [
      { TLS: "tls: { ca: file:pki/both.pem }" },
      "clusters.prod.tls.ca: pki/both.pem holds more than certificates, and goes with the function's code; keep the certificates alone in it",
    ],
    [{ TLS: "tls: { ca: file:pki/none.pem }" }, "clusters.prod.tls.ca: pki/none.pem is not a PEM certificate"],
    [
      {
        REPLICAS: `breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas: [{ name: offsite, store: { kind: s3, bucket: other, region: us-east-1 }, wrap: { kind: kms, key: alias/other, region: us-east-1 } }]`,
      },
      "replicas.0.wrap.key: name the key of offsite by its ARN, so that the role of the backup can be allowed to encrypt by it",
    ],
    [
      {
        NETWORK: PLACE.NETWORK.replace(" } }", ", nat: false, routeTables: [rtb-0123456789abcdef0] } }"),
        REPLICAS: `breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas: [{ name: offsite, store: { kind: s3, bucket: other, region: us-east-1 } }]`,
      },
      "replicas.0.store: offsite cannot be reached from a network without NAT, whose endpoints lead to services of its own region",
    ],
    [
      {
        NETWORK: PLACE.NETWORK.replace(" } }", ", nat: false, routeTables: [rtb-0123456789abcdef0] } }"),
        REPLICAS: `breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas: [{ name: near, store: { kind: s3, bucket: other, region: eu-central-1 }, wrap: { kind: kms, key: "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", region: us-east-1 } }]`,
      },
      "replicas.0.wrap: the key of near cannot be reached from a network without NAT, whose endpoints lead to services of its own region",
    ],
    [
      {
        REPLICAS: `breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas: [{ name: shelf, store: { kind: directory, path: ./shelf } }]`,
      },
      "replicas.0.store: functions keep nothing on a disk; use { kind: s3, ... }, or another file for the command line",
    ],
    [
      {
        STORE: KOPIA_STORE,
        NETWORK: `service: { ${PROGRAM} }`,
        REPLICAS: `breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas: [{ name: shelf, store: { kind: kopia, repository: { kind: filesystem, path: ./copy }, manifests: { kind: directory, path: ./shelf } } }]`,
      },
      "replicas.0.store: functions fill no replica that is a Kopia repository; leave it out of this file",
    ],
  ])("%j", async (changes, message) => {
    await expect(deploy(changes)).rejects.toMatchObject({
      code: "config/invalid",
      message: saying(`${file}: ${message}`),
      hint: saying("docs/cli.md"),
    });
  });

  test("all that is wrong is told at once", async () => {
    const failure = deploy({
      KEYS: "{ kind: local, path: ./keys }",
      SCHEDULE: "{ rate: 30s }",
      AUTH: "auth: { username: root, password: env:P }",
    });
    await expect(failure).rejects.toThrow(/^.*: keys: .*\n.*: clusters.prod.auth.password: .*\n.*: clusters.prod.schedule: .*$/);
  });

  test.each([
    [
      "service: { network: { vpc: vpc-1, subnets: [subnet-0123456789abcdef0], securityGroup: sg-0123456789abcdef0 } }",
      "expected an id such as vpc-0123456789abcdef0",
    ],
    ["service: { network: { vpc: vpc-0123456789abcdef0, subnets: [], securityGroup: sg-0123456789abcdef0 } }", "at least one subnet"],
    [
      "service: { network: { vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], securityGroup: sg-0123456789abcdef0, nat: false } }",
      "without NAT, S3 is reached by a gateway in the route tables of the subnets: name these under routeTables",
    ],
    ["service: { name: Upper }", "expected at most 16 lower-case letters"],
    ["service: { notify: [nobody] }", "expected an e-mail address"],
    ["service: { logDays: 42 }", "expected one of the retentions of CloudWatch Logs: 1, 3, 5"],
    ["service: { runbok: x }", 'unknown setting "runbok"; did you mean "runbook"?'],
  ])("a setting of the service that cannot be: %s", async (NETWORK, message) => {
    await expect(deploy({ NETWORK })).rejects.toMatchObject({ code: "config/invalid", message: saying(message) });
  });

  test.each([
    ["{ databaseSize: 2 }", "clusters.prod.service.databaseSize"],
    ["{ databaseSize: 2TB }", '"2TB" is not a size such as 500MB or 2GiB'],
    ["{ databaseSize: 0GB }", '"0GB" is not a size such as 500MB or 2GiB'],
    ["{ flexible: 5m }", 'unknown setting "flexible"'],
  ])("a setting of a cluster's service that cannot be: %s", async (SERVICE, message) => {
    await expect(deploy({ SERVICE })).rejects.toMatchObject({ code: "config/invalid", message: saying(message) });
  });
});

test("what follows from the configuration", async () => {
  const { clusters, configuration } = await deploy({
    SCHEDULE: "{ cron: '0 */4 * * *', timeZone: Europe/Berlin }",
    RPO: "1d",
    SERVICE: "{ databaseSize: 8GiB, flexibleWindow: 10m, grace: 30m }",
    TLS: "tls: { ca: file:pki/ca.pem, cert: 'secretsmanager:etcd/prod#cert', key: 'secretsmanager:etcd/prod#key' }",
    AUTH: "auth: { username: root, password: ssm:/etcd/password }",
  });
  expect(configuration).toEqual({ path: file, authorities: ["pki/ca.pem"], clusters: ["prod"] });
  expect(clusters).toEqual([
    {
      name: "prod",
      demands: {
        schedule: { cron: "0 */4 * * *", timeZone: "Europe/Berlin" },
        rpoMs: 24 * 3_600_000,
        deepEveryMs: 0,
        flexibleWindowMs: 10 * 60_000,
        graceMs: 30 * 60_000,
        databaseBytes: 8 * 2 ** 30,
        megabytesPerSecond: 40,
      },
      plan: {
        sizes: { kind: "function", memoryMiB: 3538, storageMiB: 512, seconds: 507, startSeconds: 0 },
        schedule: { expression: "cron(0 0,4,8,12,16,20 * * ? *)", timeZone: "Europe/Berlin", longestGapMs: 5 * 3_600_000 },
        flexibleMinutes: 10,
        // 5 h, 10 min, 507 s and 30 min.
        silence: { periodSeconds: 300, periods: 70 },
        // 507 s more, and 15 min of the keeper.
        unverified: { periodSeconds: 300, periods: 75 },
        // At most once an hour.
        checkMinutes: 60,
      },
      secrets: [
        { service: "secretsmanager", name: "etcd/prod", field: "cert" },
        { service: "secretsmanager", name: "etcd/prod", field: "key" },
        { service: "ssm", name: "/etcd/password", field: undefined },
      ],
      // The verifier has none of its own.
      verifySecrets: [
        { service: "secretsmanager", name: "etcd/prod", field: "cert" },
        { service: "secretsmanager", name: "etcd/prod", field: "key" },
        { service: "ssm", name: "/etcd/password", field: undefined },
      ],
    },
  ]);
});

test("a Kopia repository: the vault is that of the manifests, and the program is found from the configuration's folder", async () => {
  const { store, kopia } = await deploy({ STORE: KOPIA_STORE, NETWORK: `service: { ${PROGRAM} }` });
  expect(store).toMatchObject({ bucket: "b-1-2" });
  expect(kopia).toMatchObject({
    repository: { bucket: "kopia-1", prefix: "" },
    program: { path: join(folder.path, "kopia"), sha256: "a".repeat(64) },
  });
  expect((await deploy({})).kopia).toBeUndefined();
});

test("a cluster for tasks is no matter for service.network where the app has a network of its own", async () => {
  await writeFile(file, configText({ SERVICE: "{ databaseSize: 60GiB }", RPO: "1d" }));
  await expect(readDeployment(file, { ownNetwork: true })).resolves.toMatchObject({ clusters: [{ plan: { sizes: { kind: "task" } } }] });
});

describe("the secrets of the verify function", () => {
  const secrets = async (AUTH: string): Promise<readonly string[]> =>
    (await deploy({ TLS: "tls: { ca: file:pki/ca.pem }", AUTH })).clusters[0]?.verifySecrets.map(({ name }) => name) ?? [];
  const CLUSTERS = "auth: { username: root, password: ssm:/etcd/backup }";
  const OWN = "tls: { ca: file:pki/ca.pem, cert: 'ssm:/etcd/verify.crt', key: 'ssm:/etcd/verify.key' }";

  test.each([
    [
      "its own password in place of the cluster's",
      "verify: { auth: { username: verifier, password: ssm:/etcd/verify } }",
      ["/etcd/verify"],
    ],
    ["its own certificate, and then no password of the cluster's", `verify: { ${OWN} }`, ["/etcd/verify.crt", "/etcd/verify.key"]],
    ["none where it asks nobody", "verify: { confirm: off }", []],
    ["the cluster's where it has none of its own", "verify: { endpoints: ['https://10.0.9.1:2379'] }", ["/etcd/backup"]],
  ])("%s", async (_, verify, expected) => {
    expect(await secrets(`${CLUSTERS}\n    ${verify}`)).toEqual(expected);
  });

  test("stand in AWS as well", async () => {
    await expect(deploy({ AUTH: "verify: { auth: { username: v, password: env:P } }" })).rejects.toThrow(
      "clusters.prod.verify.auth.password: a function has no such variable",
    );
  });
});
