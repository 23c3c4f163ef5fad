import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "../../infra/build-app.ts";
import { readDeployment } from "../../infra/deployment.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { configText } from "./support/config-text.ts";
import { saying } from "../support/matchers.ts";
import { alarmsSuite } from "./suites/alarms.ts";
import { auditSuite } from "./suites/audit.ts";
import { constructsSuite } from "./suites/constructs.ts";
import { deskSuite } from "./suites/desk.ts";
import { KOPIA_ARM64, KOPIA_CONFIG, kopiaSuite } from "./suites/kopia.ts";
import { drillsSuite, ETCD, ETCD_SHA256 } from "./suites/drills.ts";
import { fleetConfig, fleetSuite } from "./suites/fleet.ts";
import { rolesSuite } from "./suites/roles.ts";
import { serviceSuite } from "./suites/service.ts";
import { vaultSuite } from "./suites/vault.ts";
import { refusalOf, synthesize, synthesizeExample } from "./support/synthesized.ts";
import type { Synthesized } from "./support/synthesized.ts";

/** What the templates mean: those of examples/lifeboat.yaml, and others with what it leaves out. Synthesized once; each suite looks at a part. */

let folder: TemporaryFolder;
let example: Synthesized;
let other: Synthesized;
let kopia: Synthesized;
let fleet: Synthesized;

/** That of which there are programs without building them for another. */
const HOST_ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

const OTHER = `version: 1
store: { kind: s3, bucket: example-etcd-backups, region: eu-central-1, prefix: here/and-there }
keys:
  kind: kms
  region: eu-central-1
  wrap: arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111
  sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b }
breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
replicas:
  - name: offsite
    store: { kind: s3, bucket: another, region: us-east-1 }
    wrap: { kind: kms, key: "arn:aws:kms:us-east-1:123456789012:key/22222222-2222-2222-2222-222222222222", region: us-east-1 }
service:
  name: etcd
  runbook: https://example.com/runbook
  network: { vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], securityGroup: sg-0123456789abcdef0 }
  desk: { enabled: true, architectures: [${HOST_ARCHITECTURE}] }
  drill: { architecture: ${HOST_ARCHITECTURE}, etcd: { "3.6": { path: ./etcd, sha256: ${ETCD_SHA256} } } }
  secretKeys: ["arn:aws:kms:eu-central-1:123456789012:key/33333333-3333-3333-3333-333333333333"]
clusters:
  small.one:
    endpoints: [https://10.0.0.1:2379]
    auth: { username: root, password: "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:etcd-AbC123#password" }
    schedule: { cron: "30 */4 * * 1-5", timeZone: Europe/Berlin }
    rpo: 4d
    drill: { every: 7d }
  large:
    endpoints: [https://10.0.0.2:2379]
    auth: { username: root, password: ssm:/etcd/password }
    schedule: { rate: 12h }
    rpo: 2d
    drill: { every: 30d }
    service: { databaseSize: 60GiB }
`;

beforeAll(async () => {
  folder = await temporaryFolder();
  example = await synthesizeExample(join(folder.path, "example"));
  await mkdir(join(folder.path, "other"));
  await writeFile(join(folder.path, "other/etcd"), ETCD);
  other = await synthesize(join(folder.path, "other"), OTHER, (app) => {
    void new Queue(new Stack(app, "bad"), "Queue");
  });
  await mkdir(join(folder.path, "kopia"));
  await writeFile(join(folder.path, "kopia/kopia"), KOPIA_ARM64);
  kopia = await synthesize(join(folder.path, "kopia"), KOPIA_CONFIG, () => undefined);
  fleet = await synthesize(join(folder.path, "fleet"), fleetConfig(1000), () => undefined);
});
afterAll(() => folder.remove());

test("cdk-nag finds nothing but what was put there for it to find", () => {
  expect(example.report).not.toContain("AwsSolutions");
  expect(new Set(other.report.match(/AwsSolutions-\w+/g))).toEqual(new Set(["AwsSolutions-SQS3", "AwsSolutions-SQS4"]));
});

test("npm run synth warns of what a first deployment lacks, and of nothing else", () => {
  const warnings = example.report.match(/^WARNING .*$/gm);
  expect(warnings).toEqual([
    "WARNING trustedKeys has no fingerprints yet, and every run will fail: deploy the vault, then put in what lifeboat keys prints (Annotation)",
    saying("WARNING breakGlass is empty: without the wrapping key no snapshot could be opened"),
  ]);
});

test("a service of which nobody hears is warned of", async () => {
  const annotations = await readFile(join(other.out, "etcd-service.metadata.json"), "utf8");
  expect(annotations).toContain("service.notify is empty: nobody hears of alarms and failures");
});

test("more clusters than a stack has room for are refused, with the way out", async () => {
  const file = join(folder.path, "many.yaml");
  const names = Array.from({ length: 12 }, (_, index) => `c${index}: { endpoints: ['https://10.0.0.${index}:2379'] }`);
  await writeFile(file, configText({ CLUSTERS: `{ ${names.join(", ")} }` }));
  const deployment = await readDeployment(file);
  expect(() => buildApp(new App(), deployment)).toThrow(`${file} has 12 clusters, and a stack has room for 10`);
});

test("npm run synth refuses what cannot be deployed, and says what to do", async () => {
  const file = join(folder.path, "refused.yaml");
  await writeFile(file, configText({ SCHEDULE: "{ rate: 30s }" }));
  const { exitCode, stderr } = await refusalOf(file);
  expect(stderr).toContain(
    `${file}: clusters.prod.schedule: is no whole number of minutes, and AWS takes nothing finer\nhint: docs/cli.md`,
  );
  expect(stderr).not.toContain("    at ");
  expect(exitCode).toBe(1);
});

const synths = { example: () => example, other: () => other };
vaultSuite(synths);
rolesSuite(synths);
serviceSuite(synths);
alarmsSuite(synths);
auditSuite(synths);
fleetSuite(() => fleet);
drillsSuite(synths);
kopiaSuite(
  () => kopia,
  () => folder.path,
);
constructsSuite(() => folder.path);
deskSuite(
  synths,
  () => join(folder.path, "other", "lifeboat.yaml"),
  () => folder.path,
);
