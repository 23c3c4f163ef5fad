import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import type { RoundEvent } from "../../shared/contract/events.ts";
import { BACKUP_TICK_MS } from "../../shared/fleet/pace.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { freePort } from "../../tools/lab/free-port.ts";
import { startMiniStack } from "../../tools/lab/ministack.ts";
import type { MiniStack } from "../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";
import { fill } from "../etcd/support/fill.ts";
import { proxied } from "../support/proxied.ts";
import type { Proxied } from "../support/proxied.ts";
import { accountEnvironment, BUCKET, deployService } from "../support/service-lab.ts";
import type { ServiceLab } from "../support/service-lab.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/**
 * A fleet of fifty on an emulated AWS: the deployed state machines, their Distributed Map, the functions and a real etcd under fifty names. One endpoint is dead, and one stalls in the middle of its snapshot. The emulator enforces no policy here, and tries nothing
 * again by an error's name (docs/decisions/0038).
 */

const COUNT = 50;
const NAMES = Array.from({ length: COUNT }, (_, index) => `c${String(index + 1).padStart(2, "0")}`);
const [DEAD, SLOW] = ["c25", "c03"];
const OTHERS = NAMES.filter((name) => name !== DEAD && name !== SLOW);
const LONG = 600_000;

let cluster: EtcdCluster;
let stack: MiniStack;
let folder: TemporaryFolder;
let lab: ServiceLab;
/** The way of the slow one. */
let way: Proxied;

beforeAll(async () => {
  [cluster, stack, folder] = await Promise.all([startCluster({ version: "3.6" }), startMiniStack(), temporaryFolder()]);
  for (const [name, value] of Object.entries(accountEnvironment(stack))) vi.stubEnv(name, value);
  await fill(cluster, 4);
  way = await proxied(cluster, { whom: "all", stallAfter: 2_000_000 });
  const silent = `http://127.0.0.1:${await freePort()}`;
  const endpoints = (name: string): readonly string[] => (name === DEAD ? [silent] : name === SLOW ? way.endpoints : cluster.endpoints);
  const clusters = NAMES.map((name) => ({ name, endpoints: endpoints(name) }));
  lab = await deployService(stack, cluster, { cwd: folder.path, clusters, lock: undefined, fleet: { concurrency: 6 } });
}, LONG);
afterAll(async () => {
  vi.unstubAllEnvs();
  await way[Symbol.asyncDispose]();
  await Promise.all([cluster.stop(), stack.stop()]);
  await folder.remove();
});

const machine = (name: string): string => lab.stateMachine(`fleet-${name}`);

async function start(name: string, event: object): Promise<string> {
  const command = new StartExecutionCommand({ stateMachineArn: machine(name), input: JSON.stringify(event) });
  return (await lab.clients.sfn.send(command)).executionArn ?? "";
}

async function ended(executionArn: string): Promise<{ readonly status: string; readonly output: string; readonly cause: string }> {
  return until(`the end of ${executionArn}`, LONG, async () => {
    const { status = "", output = "", cause = "" } = await lab.clients.sfn.send(new DescribeExecutionCommand({ executionArn }));
    return status === "RUNNING" ? undefined : { status, output, cause };
  });
}

async function keys(prefix: string): Promise<readonly string[]> {
  const { Contents = [] } = await lab.clients.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
  return Contents.map(({ Key = "" }) => Key);
}

async function committed(): Promise<readonly string[]> {
  const manifests = (await keys("clusters/")).filter((key) => key.includes("/snapshots/"));
  return manifests.map((key) => key.split("/")[1] ?? "");
}

/** The schedules fire meanwhile, and the emulator puts no time into their input: the planner refuses it, and that is told. */
const UNPLANNED = "etcd-lifeboat: the fleet of lifeboat could not be planned";

async function heard(): Promise<{ readonly Subject: string; readonly message: Readonly<Record<string, unknown>> }> {
  let { Subject, Message } = await lab.heard();
  while (Subject === UNPLANNED) ({ Subject, Message } = await lab.heard());
  return { Subject, message: z.record(z.string(), z.unknown()).parse(JSON.parse(Message)) };
}

test(
  "48 are backed up and verified while one endpoint is dead and one is slow, which is late; the dead one is told by its name",
  async () => {
    const event: RoundEvent = { network: "default", clusters: NAMES, slot: RECENT_SLOT };
    const round = await start("default", event);
    await way.struck;
    // The slow one holds its place in the map until all others are through.
    await until("the others are backed up and verified", LONG, async () => {
      const verified = new Set((await keys("clusters/")).filter((key) => key.includes("/verified/")).map((key) => key.split("/")[1]));
      return OTHERS.every((name) => verified.has(name));
    });
    expect(new Set(await committed())).toEqual(new Set(OTHERS));
    expect((await lab.clients.sfn.send(new DescribeExecutionCommand({ executionArn: round }))).status).toBe("RUNNING");
    const dead = await heard();
    expect(dead.Subject).toBe(`etcd-lifeboat: ${DEAD} has no new verified backup`);
    expect(dead.message).toMatchObject({ cluster: DEAD, step: "backup" });

    way.mend();
    expect(await ended(round)).toMatchObject({ status: "SUCCEEDED" });
    expect(new Set(await committed())).toEqual(new Set([...OTHERS, SLOW]));
    const { mapRuns = [] } = await lab.clients.sfn.send(new ListMapRunsCommand({ executionArn: round }));
    const { itemCounts, maxConcurrency } = await lab.clients.sfn.send(new DescribeMapRunCommand({ mapRunArn: mapRuns[0]?.mapRunArn }));
    expect({ maxConcurrency, ...itemCounts }).toMatchObject({ maxConcurrency: 6, total: COUNT, succeeded: COUNT - 1, failed: 1 });
  },
  LONG,
);

test(
  "the same slot again backs nobody up twice",
  async () => {
    const before = await keys("clusters/c01/");
    const event: RoundEvent = { network: "default", clusters: ["c01", "c02"], slot: RECENT_SLOT };
    expect(await ended(await start("default", event))).toMatchObject({ status: "SUCCEEDED" });
    expect((await keys("clusters/c01/")).filter((key) => /\/(?:snapshots|data|lineage)\//.test(key))).toEqual(
      before.filter((key) => /\/(?:snapshots|data|lineage)\//.test(key)),
    );
    expect(await keys(`clusters/c01/snapshots/`)).toEqual([`clusters/c01/snapshots/${RECENT_ID}.json`]);
  },
  LONG,
);

test(
  "the missed one has one notice with its name, and no second at the next look",
  async () => {
    // It was listed three hours ago, which is longer than its rpo: nobody waits so long here.
    const listed = new Date(Date.now() - 3 * 3_600_000).toISOString();
    const memory = { firstSeen: { [DEAD]: listed }, told: {} };
    await lab.clients.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "report/watch.json", Body: JSON.stringify(memory) }));
    expect(await ended(await start("watch", {}))).toMatchObject({ status: "SUCCEEDED" });
    const missed = await heard();
    expect(missed.Subject).toBe(`etcd-lifeboat: ${DEAD} is missed: no good backup within the rpo`);
    expect(missed.message).toMatchObject({ cluster: DEAD, state: "missed", since: null });
    const { Body } = await lab.clients.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "report/watch.json" }));
    const told = z.object({ told: z.record(z.string(), z.string()) }).parse(JSON.parse((await Body?.transformToString()) ?? ""));
    expect(Object.keys(told.told)).toEqual([DEAD]);

    expect(await ended(await start("watch", {}))).toMatchObject({ status: "SUCCEEDED" });
    // What comes next is of another kind, so there was no second one.
    expect(await ended(await start("default", { network: "default", clusters: [DEAD] }))).toMatchObject({ status: "SUCCEEDED" });
    expect((await heard()).Subject).toBe(`etcd-lifeboat: ${DEAD} has no new verified backup`);
  },
  LONG,
);

test(
  "a tick of the schedule starts those that are due in it, and no others",
  async () => {
    // By rates of an hour, one tick has about a twelfth of them.
    const tick = new Date(Math.floor(Date.now() / BACKUP_TICK_MS) * BACKUP_TICK_MS).toISOString();
    const round = await start("default", { round: "backup", network: "elsewhere", tick });
    expect(await ended(round)).toMatchObject({ status: "SUCCEEDED", output: expect.stringContaining('"due": []') as unknown });
    const keep = await start("keep", { round: "keep", tick: "2026-11-21T10:00:00Z" });
    expect(await ended(keep)).toMatchObject({ status: "SUCCEEDED" });
    const { executions = [] } = await lab.clients.sfn.send(new ListExecutionsCommand({ stateMachineArn: machine("keep") }));
    expect(executions.map(({ status }) => status)).toContain("SUCCEEDED");
  },
  LONG,
);
