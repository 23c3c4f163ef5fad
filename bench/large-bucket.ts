import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ListObjectVersionsCommand, type ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import { startVersityGateway, type VersityGateway } from "../tools/lab/versitygw.ts";
import { startDelayProxy } from "./delay-proxy.ts";

/** Each way: with it a request takes 20 ms, as one to S3 of the same region does. */
const DELAY_MS = 10;

/** In seconds, since they were started. They take the same cores as what is timed. */
export interface ServersCpu {
  readonly gateway: number;
  readonly proxy: number;
}

export interface LargeBucket extends AsyncDisposable {
  /** Where its objects are files. */
  readonly files: string;
  /** Where the configuration is. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The keys of all versions of all objects, and of delete markers, as the server lists them, past the proxy. */
  readonly listKeys: () => Promise<ReadonlySet<string>>;
  readonly serversCpu: () => Promise<ServersCpu>;
  /** Bytes that came from the store so far, with the heads of its answers. */
  readonly received: () => number;
}

export interface LargeBucketOptions {
  /** Versions are kept, so that what is removed has to be removed by its version. */
  readonly versions?: boolean;
  /** Each way. */
  readonly delayMs?: number;
}

/** A copy of the directory store below `source` in versitygw, behind a proxy of this process that delays every byte. */
export async function startLargeBucket(source: string, { versions, delayMs = DELAY_MS }: LargeBucketOptions = {}): Promise<LargeBucket> {
  await using stack = new AsyncDisposableStack();
  // As AWS does it; without, every request would open a connection.
  const gateway = stack.use(await startVersityGateway({ keepAlive: true }));
  const bucket = await gateway.makeBucket(versions === undefined ? {} : { versions });
  await cp(join(source, "vault"), join(gateway.dataFolder, bucket), { recursive: true });
  const proxy = stack.use(await startDelayProxy(Number(new URL(gateway.endpoint).port), delayMs));
  const folder = await mkdtemp(join(source, "in-s3-"));
  await cp(join(source, "keys"), join(folder, "keys"), { recursive: true });
  const store = [
    "kind: s3",
    `bucket: ${bucket}`,
    `region: ${gateway.region}`,
    `endpoint: http://127.0.0.1:${proxy.port}`,
    "pathStyle: true",
  ];
  const text = await readFile(join(source, "lifeboat.yaml"), "utf8");
  const inBucket = text.replace("  kind: directory\n  path: ./vault\n", store.map((line) => `  ${line}\n`).join(""));
  if (inBucket === text) throw new Error("the configuration does not name the folder as it did");
  await writeFile(join(folder, "lifeboat.yaml"), inBucket);
  const servers = stack.move();
  return {
    folder,
    files: join(gateway.dataFolder, bucket),
    environment: gateway.environment,
    received: proxy.received,
    listKeys: () => listKeys(gateway, bucket),
    serversCpu: async () => {
      const { user, system } = process.cpuUsage();
      return { gateway: await cpuOf(gateway.pid), proxy: (user + system) / 1e6 };
    },
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  };
}

async function listKeys(gateway: VersityGateway, bucket: string): Promise<ReadonlySet<string>> {
  const client = gateway.client();
  const keys = new Set<string>();
  let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
  while (from !== undefined) {
    const page: ListObjectVersionsCommandOutput = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, ...from }));
    for (const { Key } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) if (Key !== undefined) keys.add(Key);
    from = page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : undefined;
  }
  client.destroy();
  return keys;
}

/** proc(5): utime and stime are fields 14 and 15, counted from behind the name, in hundredths of a second on Linux. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
