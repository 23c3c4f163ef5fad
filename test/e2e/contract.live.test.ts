import { readFile, writeFile } from "node:fs/promises";
import { CreateStateMachineCommand, SFNClient } from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { COMMANDS } from "../../cli/program.ts";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import type { DocumentName } from "../../shared/contract/documents.ts";
import type { ExecutionOutcome } from "../../shared/contract/outcomes.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { encryptSmall } from "../../shared/seal/age.ts";
import { SET, tarOf } from "../support/node-set.ts";
import { saying } from "../support/matchers.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { requireDocument } from "../support/printed.ts";
import { accountEnvironment } from "../support/service-lab.ts";

/** Every command for real, and what it prints with `--json` against the contract: shared/contract and docs/cli.md. */

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let place: Place;
/** A snapshot that is verified. */
let id: string;

const REPLICA = "shelf";

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([startCluster({ version: "3.6" }), startMiniStack(), temporaryFolder()]);
  for (const [name, value] of Object.entries(accountEnvironment(stack))) vi.stubEnv(name, value);
  await cluster.etcdctl(["put", "/registry/configmaps/default/one", "value"]);
  place = await newPlace(cluster, folder.path, "here");
  const configuration = await readFile(place.path("lifeboat.yaml"), "utf8");
  // As whoever has the copies sees them.
  await writeFile(place.path("replica.yaml"), configuration.replace("path: ./vault", "path: ./shelf"));
  await place.edit("lifeboat.yaml", (text) => `${text}\nreplicas:\n  - { name: ${REPLICA}, store: { kind: directory, path: ./shelf } }\n`);
  const { stdout } = await place.here("backup", "prod", "--json");
  ({ id } = DOCUMENTS.backup.parse(JSON.parse(stdout)));
  expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

const OUTCOME: ExecutionOutcome = {
  backup: {
    cluster: "prod",
    id: "20261121T100000Z",
    existing: false,
    committedBy: "this-run",
    manifestDigest: `sha256:${"0".repeat(64)}`,
    proof: "proven",
    quarantined: false,
    dissenters: [],
    lineage: 1,
    lineageAttention: null,
    databaseBytes: 1,
    storedBytes: 1,
    custody: null,
    needsAttention: false,
    findings: [],
  },
  verify: {
    cluster: "prod",
    id: "20261121T100000Z",
    countersignature: "clusters/prod/verified/x.json",
    confirmed: "members",
    notConfirmed: null,
    custody: "2:sha256:0",
    replicas: [],
    findings: [],
    order: {
      outcome: "waits",
      subjects: 0,
      bytes: 0,
      brakes: [{ name: "many", message: "many would go", fix: "look at lifeboat prune" }],
      message: null,
    },
  },
  keeper: {
    cluster: "prod",
    order: { id: `sha256:${"0".repeat(64)}`, time: "2026-11-21T10:01:00.000Z" },
    removed: 1,
    removedBytes: 1,
    locked: 0,
    refused: 0,
    unfinished: 0,
    locksExtended: 0,
    bytesBefore: 2,
    bytesAfter: 1,
    needsAttention: false,
    findings: [],
  },
  keeperFailure: { code: "deadline", message: "too late" },
};

/** A state machine that answers as the deployed one does; the deployed one itself is in service.live.test.ts. */
async function stateMachine(name = "answers"): Promise<string> {
  const { endpoint, region } = stack;
  const client = new SFNClient({ endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } });
  const definition = JSON.stringify({ StartAt: "Done", States: { Done: { Type: "Pass", Result: OUTCOME, End: true } } });
  const role = "arn:aws:iam::000000000000:role/any";
  const { stateMachineArn } = await client.send(new CreateStateMachineCommand({ name, definition, roleArn: role }));
  return stateMachineArn ?? "";
}

/** Of an identity that nobody has. */
const NODE = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

/** A set of node-a, as collect.sh makes it. */
async function nodeFiles(): Promise<string> {
  const { stdout } = await place.here("node-files", "recipient", "prod");
  const bytes = await encryptSmall([stdout.trim()], tarOf(SET));
  await writeFile(place.path("node-a.age"), bytes);
  return "node-a.age";
}

/** The command lines whose document is looked at; none where a command has no document. */
const CASES: Readonly<Record<string, () => Promise<readonly (readonly string[])[]>>> = {
  init: async () => [["init", "--dir", "another", "--cluster", "prod", "--endpoint", "http://127.0.0.1:1"]],
  preflight: async () => [["preflight", "prod"]],
  backup: async () => [
    ["backup", "prod"],
    ["backup", "prod", "--no-copy"],
  ],
  ls: async () => [["ls"], ["ls", "prod"], ["ls", "--full"]],
  catalog: async () => [["catalog"], ["catalog", "prod"]],
  metrics: async () => [["metrics"], ["metrics", "prod", "--out", "lifeboat.prom"]],
  show: async () => [["show", `prod/${id}`]],
  status: async () => [["status", `prod/${id}`]],
  find: async () => [
    ["find", `prod/${id}`],
    ["find", `prod/${id}`, "nothing"],
  ],
  diff: async () => [
    ["diff", `prod/${id}`, `prod/${id}`],
    ["diff", `prod/${id}`, "live"],
    ["diff", `prod/${id}`, "live", "--object", "configmaps/default/one"],
  ],
  impact: async () => [["impact", `prod/${id}`]],
  get: async () => [
    ["get", `prod/${id}`, "configmaps/default/one"],
    ["get", `prod/${id}`, "--all", "-n", "default", "--out", "objects"],
  ],
  verify: async () => [
    ["verify", `prod/${id}`],
    ["verify", `prod/${id}`, "--deep"],
    ["verify", "prod", "--missing"],
  ],
  check: async () => [["check"], ["check", "prod"]],
  audit: async () => [["audit"], ["audit", "prod", "--full"]],
  ready: async () => [
    ["ready", "prod"],
    ["ready", "prod", "--sign"],
  ],
  copy: async () => [["copy", `prod/${id}`, "--to", REPLICA]],
  export: async () => [["export", `prod/${id}`, "--out", "snapshot.db"]],
  bundle: async () => [
    ["bundle", `prod/${id}`, "--unenrolled", NODE, "--reason", "the contract", "--out", "bundle"],
    ["bundle", `prod/${id}`, "--print-nodes"],
    ["bundle", "--inspect", "bundle"],
  ],
  // What must not be in the store is in the folder that the drill removes.
  drill: async () => [["drill", `prod/${id}`]],
  recipients: async () => [
    ["recipients", "ls"],
    ["recipients", "add", "cp-1", NODE],
  ],
  "node-files": async () => [
    ["node-files", "recipient", "prod"],
    ["node-files", "add", "prod", "node-a", await nodeFiles()],
    ["node-files", "add", "--inbox"],
    ["node-files", "ls"],
    ["node-files", "show", "prod/node-a"],
    ["node-files", "export", "prod/node-a", "--out", "node-a.tar"],
  ],
  keys: async () => [["keys"], ["keys", "canary", "make", "--out", "canary"]],
  custody: async () => [
    ["custody", "prod"],
    ["custody", "prod", "--verify"],
    ["custody", "prod", "--verify", "--replica", "--config", "replica.yaml"],
  ],
  lineage: async () => [
    ["lineage", "ls", "prod"],
    ["lineage", "accept", "prod", "1", "--reason", "it is the first"],
  ],
  pin: async () => [
    ["pin", `prod/${id}`, "--reason", "before the upgrade"],
    ["pin", `prod/${id}`, "--reason", "again"],
  ],
  unpin: async () => [["unpin", `prod/${id}`, "--reason", "the upgrade is done"]],
  plan: async () => [
    ["plan", "prod"],
    ["plan", "prod", "--until", new Date(Date.now() + 40 * 86_400_000).toISOString().slice(0, 10)],
  ],
  rewrap: async () => [["rewrap"], ["rewrap", "--dry-run"]],
  // Nothing is old enough to go.
  prune: async () => [
    ["prune", "prod", "--dry-run"],
    ["prune", "prod", "--order"],
    ["prune", "prod", "--execute"],
    ["prune", "prod"],
  ],
  orphans: async () => [["orphans"]],
  report: async () => [["report", "--out", "report.html"]],
  doctor: async () => [["doctor"], ["doctor", "--tools"]],
  invoke: async () => [["invoke", "backup", "prod", "--state-machine", await stateMachine()]],
  completion: async () => [],
  // Its documents are those of its subcommands: test/e2e/fleet.live.test.ts holds them against the contract.
  fleet: async () => [],
  // Its documents are those of its subcommands: test/e2e/kopia.live.test.ts holds them against the contract.
  kopia: async () => [],
};

test.each(Object.keys(COMMANDS))("lifeboat %s --json prints the document of the contract", async (command) => {
  const lines = await CASES[command]?.();
  if (lines === undefined) throw new Error(`give ${command} a case here, and a document in shared/contract`);
  expect(Object.hasOwn(DOCUMENTS, command)).toBe(lines.length > 0);
  for (const line of lines) {
    const { code, stdout, stderr } = await place.here(...line, "--json");
    expect(`${line.join(" ")}: ${code}: ${stderr}`).toMatch(/: [06]: /);
    // What it printed and not an error, which has a document of its own.
    requireDocument(command as DocumentName, stdout);
    expect(JSON.parse(stdout)).not.toHaveProperty("error");
  }
});

test("invoke backup --all has each cluster backed up by its own state machine, and ends with the worst exit code", async () => {
  const missing = await place.here("invoke", "backup", "--all");
  expect(missing).toMatchObject({ code: 2, stderr: saying("prod: ") });
  expect(missing.stderr).toContain("0 of 1 cluster backed up and verified");
  await stateMachine("lifeboat-prod");
  expect(await place.here("invoke", "backup", "--all")).toMatchObject({
    code: 6,
    stdout: saying("prod/20261121T100000Z  proven, verified; LOOK"),
  });
  const { stdout } = await place.here("invoke", "backup", "--all", "--json");
  expect(DOCUMENTS.invokeMany.parse(JSON.parse(stdout))).toEqual({
    clusters: [{ cluster: "prod", exitCode: 6, id: "20261121T100000Z", error: null }],
  });
  // A fleet has one for each network, and what came of a round is read from the store: this one leaves nothing there.
  await writeFile(place.path("fleet.yaml"), `${await readFile(place.path("lifeboat.yaml"), "utf8")}\nservice: { fleet: true }\n`);
  expect(await place.here("fleet", "apply", "--config", "fleet.yaml")).toMatchObject({ code: 0 });
  await stateMachine("lifeboat-fleet-default");
  const round = await place.here("invoke", "backup", "--all", "--config", "fleet.yaml", "--json");
  expect(round).toMatchObject({ code: 5, stderr: saying("default: started arn:") });
  expect(DOCUMENTS.invokeMany.parse(JSON.parse(round.stdout)).clusters).toMatchObject([
    { cluster: "prod", exitCode: 5, error: { message: "no new snapshot of prod is in the store" } },
  ]);
  expect(await place.here("invoke", "backup", "prod", "--all")).toMatchObject({ code: 2, stderr: saying("both say which clusters") });
  expect(await place.here("invoke", "backup")).toMatchObject({ code: 2, stderr: saying("which cluster to back up") });
  expect(await place.here("invoke", "backup", "--label", "team=a")).toMatchObject({ code: 2, stderr: saying("has the label team=a") });
});

test("the head that a backup prints is the log's last record, that of its copies included", async () => {
  const { custody, replicas } = DOCUMENTS.backup.parse(JSON.parse((await place.here("backup", "prod", "--json")).stdout));
  const { records } = DOCUMENTS.custody.parse(JSON.parse((await place.here("custody", "prod", "--json")).stdout));
  expect(replicas).toMatchObject([{ name: REPLICA, outcome: "copied" }]);
  expect(records.at(-1)).toMatchObject({ event: "copied", ...custody });
});

test("a store that a person calls a replica, and has no copied log, is exit code 6, verified or not", async () => {
  const warning =
    "lifeboat: warning: there is no copied log here: this is not a replica, nothing was copied yet, or that log was removed\n";
  for (const verify of [[], ["--verify"]])
    expect(await place.here("custody", "prod", "--replica", ...verify)).toMatchObject({ code: 6, stderr: warning });
  expect(await place.here("custody", "prod", "--replica", "--config", "replica.yaml")).toMatchObject({ code: 0, stderr: "" });
});

test("an error is the document of an error, for every command", async () => {
  for (const command of Object.keys(COMMANDS).filter((each) => Object.hasOwn(DOCUMENTS, each))) {
    const { code, stdout } = await place.here(command, "--no-such-flag", "--json");
    expect({ command, code, printed: DOCUMENTS.error.parse(JSON.parse(stdout)).error.code }).toEqual({
      command,
      code: 2,
      printed: "usage",
    });
  }
});
