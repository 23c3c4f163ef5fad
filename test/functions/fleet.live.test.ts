import { ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { handler as backup } from "../../functions/backup.ts";
import { forgetContainer } from "../../functions/container.ts";
import { handler as plan } from "../../functions/plan.ts";
import { handler as watch } from "../../functions/watch.ts";
import { ENVIRONMENT } from "../../shared/contract/service.ts";
import { BACKUP_TICK_MS } from "../../shared/fleet/pace.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { freePort } from "../../tools/lab/free-port.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { functionPlace } from "../support/function-place.ts";
import { invoke, invokeAll } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";
import type { Place } from "../support/place.ts";
import { RECENT_ID, RECENT_SLOT, slotBefore } from "../support/recent-slot.ts";

/** Fifty clusters (one etcd under many names) whose backups start in the same moment, in one process: what Lambda gives to fifty. */

const COUNT = 50;
const NAMES = Array.from({ length: COUNT }, (_, index) => `c${String(index + 1).padStart(2, "0")}`);
const BROKEN = "c25";

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let bucket: string;
let place: Place;
beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  await fill(cluster, 1);
  bucket = await gateway.makeBucket();
  place = await functionPlace(cluster, folder.path, gateway, bucket);
  const silent = `http://127.0.0.1:${await freePort()}`;
  const clusters = NAMES.map((name) => `  ${name}: { endpoints: ["${name === BROKEN ? silent : cluster.endpoints[0]}"] }\n`);
  await place.edit("lifeboat.yaml", (text) => text.replace(/^clusters:\n[^]*/m, `clusters:\n${clusters.join("")}`));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([cluster.stop(), gateway.stop()]);
  await folder.remove();
});

test("each is backed up, the one that cannot be fails alone, and memory stays bounded", async () => {
  let peak = 0;
  const before = process.memoryUsage.rss();
  const looking = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  const { settled, metrics } = await invokeAll(
    backup,
    NAMES.map((name) => ({ cluster: name, slot: RECENT_SLOT })),
  ).finally(() => clearInterval(looking));

  const failed = settled.filter(({ failure }) => failure !== undefined);
  expect(failed).toMatchObject([{ event: { cluster: BROKEN }, failure: { name: "etcd/unreachable", message: saying("hint: ") } }]);
  for (const { event, outcome } of settled.filter(({ failure }) => failure === undefined))
    expect(outcome).toMatchObject({ cluster: event.cluster, id: RECENT_ID, existing: false, proof: "proven" });
  // Each tells of itself: no metric of one run carries the name of another's cluster.
  const told = metrics.map((each) => z.object({ cluster: z.string(), BackupFailed: z.number() }).parse(each));
  expect(Object.fromEntries(told.map((each) => [each.cluster, each.BackupFailed]))).toEqual(
    Object.fromEntries(NAMES.map((name) => [name, name === BROKEN ? 1 : 0])),
  );
  expect(told).toHaveLength(COUNT);

  const owner = gateway.client();
  const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket }));
  const { Uploads = [] } = await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  owner.destroy();
  const manifests = Contents.filter(({ Key }) => Key?.includes("/snapshots/"));
  expect(manifests).toHaveLength(COUNT - 1);
  expect(manifests.some(({ Key }) => Key?.startsWith(`clusters/${BROKEN}/`))).toBe(false);
  expect(Uploads).toEqual([]);
  // 11 MB for each as it is, 29 with a database of 8 MB: blocks, a compressor's lanes, the parts of an upload. In Lambda each has a sandbox of its own.
  expect((peak - before) / COUNT / 2 ** 20).toBeLessThan(25);
});

describe("the same clusters, listed in the store", () => {
  /** As a function of the fleet, and as one of a service for each cluster. */
  const asFleet = (isFleet: boolean): unknown => vi.stubEnv(ENVIRONMENT.fleet, isFleet ? "1" : "");
  const HOUR_MS = 3_600_000;
  const dueSchema = z.object({ due: z.array(z.object({ cluster: z.string(), slot: z.string().optional() })) });

  beforeAll(async () => {
    expect(await lifeboatHere(["fleet", "apply"], place.options)).toMatchObject({ code: 0 });
    await forgetContainer();
  });
  afterEach(() => asFleet(false));

  test("each is due once in an hour, at a tick of its own, and by hand those that are named", async () => {
    asFleet(true);
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const ticks = Array.from({ length: HOUR_MS / BACKUP_TICK_MS }, (_, index) => new Date(hour + (index + 1) * BACKUP_TICK_MS));
    const planned = await invokeAll(
      plan,
      ticks.map((tick) => ({ network: "default", tick: tick.toISOString() })),
    );
    const rounds = planned.settled.map(({ outcome }) => dueSchema.parse(outcome).due);
    expect(
      rounds
        .flat()
        .map(({ cluster: name }) => name)
        .toSorted(),
    ).toEqual(NAMES);
    // Spread by the hash of names: no tick has a third of them.
    expect(Math.max(...rounds.map((due) => due.length))).toBeLessThan(COUNT / 3);
    for (const [index, due] of rounds.entries())
      for (const { slot = "" } of due) expect((ticks[index]?.getTime() ?? 0) - Date.parse(slot)).toBeLessThan(BACKUP_TICK_MS);

    const { outcome, lines } = await invoke(plan, { network: "default", clusters: ["c02", "c99"] });
    expect(outcome).toMatchObject({ due: [{ cluster: "c02" }] });
    expect(lines).toContainEqual(expect.objectContaining({ level: "WARN", message: saying("c99 is not in list 1") }));
    expect((await invoke(plan, { network: "elsewhere", tick: new Date(hour).toISOString() })).outcome).toMatchObject({ due: [] });
    expect((await invoke(plan, { network: "default" })).failure).toMatchObject({ message: saying("give either tick or clusters") });
  });

  test("a cluster goes from its own service to the fleet and back: no slot is lost or taken twice, and no lineage begins", async () => {
    const run = async (isFleet: boolean, slot: string): Promise<unknown> => {
      asFleet(isFleet);
      const { outcome, failure } = await invoke(backup, { cluster: "c01", slot });
      expect(failure).toBeUndefined();
      return outcome;
    };
    const [first, second, third] = [slotBefore(30), slotBefore(20), slotBefore(10)];
    expect(await run(false, first.time)).toMatchObject({ id: first.id, existing: false, lineage: 1 });
    expect(await run(true, first.time)).toMatchObject({ id: first.id, existing: true, lineage: 1 });
    expect(await run(true, second.time)).toMatchObject({ id: second.id, existing: false, lineage: 1 });
    expect(await run(false, second.time)).toMatchObject({ id: second.id, existing: true, lineage: 1 });
    expect(await run(false, third.time)).toMatchObject({ id: third.id, existing: false, lineage: 1 });
    const owner = gateway.client();
    const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "clusters/c01/" }));
    owner.destroy();
    const of = (kind: string): readonly string[] => Contents.flatMap(({ Key = "" }) => (Key.includes(`/${kind}/`) ? [Key] : []));
    expect(of("snapshots").map((key) => key.slice("clusters/c01/snapshots/".length))).toEqual(
      [RECENT_ID, first.id, second.id, third.id].map((id) => `${id}.json`),
    );
    expect(of("data")).toHaveLength(4);
    expect(of("lineage")).toEqual(["clusters/c01/lineage/1.json"]);
  });

  test("who has nothing within the rpo is missed by name, once its rpo has passed since it was listed; metrics are sums", async () => {
    asFleet(true);
    const look = async (event: object = {}) => invoke(watch, event);
    // Nothing is verified here, so none is good; and none was seen before.
    expect((await look()).outcome).toMatchObject({ clusters: COUNT, missed: 0, toTell: [] });
    const listed = new Date(Date.now() - 3 * HOUR_MS).toISOString();
    const owner = gateway.client();
    const Body = JSON.stringify({ firstSeen: { [BROKEN]: listed }, told: {} });
    await owner.send(new PutObjectCommand({ Bucket: bucket, Key: "report/watch.json", Body }));
    owner.destroy();
    const { outcome, metrics } = await look();
    expect(outcome).toMatchObject({
      missed: 1,
      told: [{ cluster: BROKEN, state: "missed" }],
      toTell: [
        { cluster: BROKEN, state: "missed", since: null, subject: `etcd-lifeboat: ${BROKEN} is missed: no good backup within the rpo` },
      ],
    });
    expect(metrics).toMatchObject([{ service: "etcd", ClustersMissed: 1 }]);
    for (const each of metrics) expect(each).not.toHaveProperty("cluster");
    await look({ told: [{ cluster: BROKEN, state: "missed" }] });
    expect((await look()).outcome).toMatchObject({ missed: 1, toTell: [] });

    const failed = await invoke(backup, { cluster: BROKEN, slot: RECENT_SLOT });
    expect(failed.failure).toMatchObject({ name: "etcd/unreachable" });
    // With the name beside them, and not as a dimension: each would be paid for.
    expect(failed.metrics).toMatchObject([{ service: "etcd", cluster: BROKEN, BackupFailed: 1 }]);
    expect(JSON.stringify(failed.metrics[0]?.["_aws"])).toContain('"Dimensions":[["service"]]');
  });
});
