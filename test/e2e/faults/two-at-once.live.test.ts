import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { fill } from "../../etcd/support/fill.ts";
import { tcpProxy } from "../../etcd/support/tcp-proxy.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import { expectTruth, newPlace } from "../../support/place.ts";

let cluster: EtcdCluster;
let folder: TemporaryFolder;
beforeAll(async () => {
  cluster = await startCluster({ version: "3.6" });
  folder = await temporaryFolder();
  await fill(cluster, 8);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

const idSchema = z.object({ id: z.string(), existing: z.literal(false) });

test("two backups of one cluster at once: the second does not even connect while the first streams, and both are good", async () => {
  const struck = Promise.withResolvers<void>();
  await using way = await tcpProxy(cluster.endpoints[0] ?? "", { stallAfter: 2_000_000, onFault: () => struck.resolve() });
  const place = await newPlace(cluster, folder.path, "two", { endpoints: [way.url] });
  const first = lifeboat(["backup", "prod", "--json"], place.options);
  await struck.promise;
  const connections = way.connections();
  expect(connections).toBeGreaterThan(0);

  const waits = Promise.withResolvers<void>();
  const second = lifeboat(["backup", "prod", "--json"], {
    ...place.options,
    onStderr: (text) => {
      if (/another backup of prod runs \(process \d+ since \S+\); waiting for it/.test(text)) waits.resolve();
    },
  });
  await waits.promise;
  expect(way.connections()).toBe(connections);
  expect(await expectTruth(place)).toEqual([]);
  expect(await place.unfinished()).toHaveLength(1);

  way.mend();
  const ids = (await Promise.all([first, second])).map(({ code, stdout, stderr }) => {
    expect(`${code}: ${stderr}`).toMatch(/^0: /);
    return idSchema.parse(JSON.parse(stdout)).id;
  });
  expect(new Set(ids).size).toBe(2);
  expect(await expectTruth(place)).toEqual(ids);
  for (const id of ids) expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
});
