import { ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { handler as backup } from "../../functions/backup.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { freePort } from "../../tools/lab/free-port.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../tools/lab/versitygw.ts";
import { fill } from "../etcd/support/fill.ts";
import { functionPlace } from "../support/function-place.ts";
import { invokeAll } from "../support/invoke-function.ts";
import { saying } from "../support/matchers.ts";
import { RECENT_ID, RECENT_SLOT } from "../support/recent-slot.ts";

/** Fifty clusters (one etcd under many names) whose backups start in the same moment, in one process: what Lambda gives to fifty. */

const COUNT = 50;
const NAMES = Array.from({ length: COUNT }, (_, index) => `c${String(index + 1).padStart(2, "0")}`);
const BROKEN = "c25";

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
let bucket: string;
beforeAll(async () => {
  [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
  await fill(cluster, 1);
  bucket = await gateway.makeBucket();
  const place = await functionPlace(cluster, folder.path, gateway, bucket);
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
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  const { settled, metrics } = await invokeAll(
    backup,
    NAMES.map((name) => ({ cluster: name, slot: RECENT_SLOT })),
  ).finally(() => clearInterval(watch));

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
