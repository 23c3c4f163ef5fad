import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../../tools/lab/kubernetes-data.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { startVersityGateway } from "../../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../../tools/lab/versitygw.ts";
import { faultProxy } from "../../store/s3/fault-proxy.ts";
import type { FaultProxy } from "../../store/s3/fault-proxy.ts";
import { initialise } from "../../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../../support/lifeboat-here.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { LifeboatOptions } from "../../support/lifeboat.ts";

/** kill -9 at the requests of a backup that change the store. `npm test` tries some of them, `npm run test:exhaustive` every one. */

/** What a first backup of 26 MB changes in the store: its data, which is put once more to see that the store refuses, twice its log, the lineage, its manifest. Reads leave nothing to clean. */
const CHANGES = [
  "CreateMultipartUpload 1",
  "UploadPart 1",
  "UploadPart 2",
  "CompleteMultipartUpload 1",
  ...[1, 2, 3, 4, 5, 6].map((each) => `PutObject ${each}`),
];
/** In the upload, at its end, and at the manifest. */
const SOME_CHANGES = ["UploadPart 2", "CompleteMultipartUpload 1", "PutObject 6"];

const backedUp = z.object({ id: z.string() });
const orphanList = z.object({ orphans: z.array(z.object({ kind: z.string(), swept: z.boolean() })) });

export function s3KillTests({ all }: { readonly all: boolean }): void {
  let cluster: EtcdCluster;
  let gateway: VersityGateway;
  let proxy: FaultProxy;
  let folder: TemporaryFolder;
  let options: LifeboatOptions;
  let bucket: string;

  beforeAll(async () => {
    [cluster, gateway, folder] = await Promise.all([startCluster({ version: "3.6" }), startVersityGateway(), temporaryFolder()]);
    await fillWithKubernetesData(cluster.connection, { megabytes: 26 });
    bucket = await gateway.makeBucket({ lock: true });
    const { cwd, env } = await initialise(cluster, folder.path);
    options = { cwd, env: { ...env, ...gateway.environment } };
    // The AWS SDK looks for credentials in the process's own environment.
    for (const [name, value] of Object.entries(gateway.environment)) vi.stubEnv(name, value);
    proxy = await faultProxy(gateway.endpoint, 0);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy[Symbol.asyncDispose]();
    await Promise.all([cluster.stop(), gateway.stop()]);
    await folder.remove();
  });

  async function useStore(prefix: string, endpoint: string): Promise<void> {
    const file = join(options.cwd, "lifeboat.yaml");
    const store = `store: { kind: s3, bucket: ${bucket}, prefix: ${prefix}, region: ${gateway.region}, endpoint: "${endpoint}", pathStyle: true }\n`;
    await writeFile(file, (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store));
  }
  const direct = (prefix: string): Promise<void> => useStore(prefix, gateway.endpoint);
  const through = (prefix: string): Promise<void> => useStore(prefix, proxy.url);

  test("the requests below are those that a first backup makes", async () => {
    await through("plain");
    await lifeboatJsonHere(["backup", "prod"], options);
    const made = new Map<string, number>();
    for (const call of proxy.calls.filter((each) => /^(Put|Upload|Create|Complete|Delete|Abort)/.test(each)))
      made.set(call, (made.get(call) ?? 0) + 1);
    expect([...made].flatMap(([call, count]) => Array.from({ length: count }, (_, index) => `${call} ${index + 1}`)).toSorted()).toEqual(
      CHANGES.toSorted(),
    );
  });

  describe("kill -9 at a request that changes the store: nothing is visible, the next backup works, and a sweep leaves no upload", () => {
    test.each(all ? CHANGES : SOME_CHANGES)("%s", async (change) => {
      const [operation = "", ordinal] = change.split(" ");
      const prefix = change.replace(" ", "-");
      proxy.mend();
      proxy.inject(operation, Number(ordinal), "stall", Infinity);
      await through(prefix);
      const pid = Promise.withResolvers<number>();
      const running = lifeboat(["backup", "prod"], { ...options, onStart: pid.resolve });
      await until(`${change} asked for`, 30_000, () => proxy.hits > 0);
      process.kill(await pid.promise, "SIGKILL");
      expect(await running).toMatchObject({ signal: "SIGKILL", stdout: "" });

      await direct(prefix);
      expect(await lifeboatJsonHere(["ls"], options)).toMatchObject({ snapshots: [] });
      const { id } = backedUp.parse(await lifeboatJsonHere(["backup", "prod"], options));
      const { orphans } = orphanList.parse(await lifeboatJsonHere(["orphans", "--older-than", "1ms", "--sweep"], options));
      // Before the upload began there is nothing: the first two puts mark the store, and see by the same key that it heeds conditions. From the upload's completion on there is an object that no manifest names.
      const afterUpload = ["PutObject 1", "PutObject 2"].includes(change) ? [] : ["data"];
      const left = {
        CreateMultipartUpload: [],
        UploadPart: ["unfinished"],
        CompleteMultipartUpload: ["unfinished"],
        PutObject: afterUpload,
      };
      expect(orphans.map(({ kind }) => kind)).toEqual(left[operation as keyof typeof left]);
      const owner = gateway.client();
      const { Uploads = [] } = await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }));
      owner.destroy();
      expect(Uploads).toEqual([]);
      expect(await lifeboatHere(["verify", `prod/${id}`], options)).toMatchObject({ code: 0 });
    });
  });
}
