import { randomBytes } from "node:crypto";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import { messageOf } from "../../shared/errors.ts";
import { freePort } from "./free-port.ts";
import { LabProcess } from "./processes.ts";
import { isListening, serverTls } from "./server-tls.ts";
import type { ServerTls } from "./server-tls.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

const PROGRAM = fileURLToPath(new URL("../bin/versitygw", import.meta.url));
// It takes a tenth of a second; the rest is for machines whose cores are all busy.
const READY_MS = 30_000;
const REGION = "us-east-1";

export interface BucketOptions {
  /** Versions are kept. */
  readonly versions?: boolean;
  /** With Object Lock, and so with versions. */
  readonly lock?: boolean;
}

/** An S3 server on loopback whose objects are files: versitygw, https://github.com/versity/versitygw */
export interface VersityGateway extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, or https */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Region, credentials and trust for a child process, as Node and the AWS SDK read them. */
  readonly environment: Readonly<Record<string, string>>;
  /** PEM of the authority to trust, where it speaks TLS. */
  readonly caText: string | undefined;
  /** Holds a folder for each bucket, with the objects in it. */
  readonly dataFolder: string;
  readonly pid: number;
  /** A client as its owner, for looking behind the store's back. The caller destroys it. */
  client(): S3Client;
  /** Makes an empty bucket and gives its name, which no other has. */
  makeBucket(options?: BucketOptions): Promise<string>;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

export interface VersityGatewayOptions {
  /** By https, with a certificate of an authority of its own. False by default. */
  readonly tls?: boolean;
  /** What it makes ETags of: an MD5 of its own of all bytes, as by default, or the checksum that the client sent. */
  readonly etags?: "md5" | "checksum";
  /** As AWS does it: a connection serves many requests. By default it closes each after one. */
  readonly keepAlive?: boolean;
}

export async function startVersityGateway({
  tls = false,
  etags = "md5",
  keepAlive = false,
}: VersityGatewayOptions = {}): Promise<VersityGateway> {
  await access(PROGRAM).catch(() => {
    throw new Error("versitygw is not here: run npm run setup");
  });
  const folder = await temporaryFolder();
  try {
    return await start(folder, tls ? await serverTls(folder.path, "versitygw") : undefined, etags, keepAlive);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function start(
  folder: TemporaryFolder,
  tls: ServerTls | undefined,
  etags: VersityGatewayOptions["etags"],
  keepAlive: boolean,
): Promise<VersityGateway> {
  const port = await freePort();
  const dataFolder = join(folder.path, "data");
  const versions = join(folder.path, "versions");
  for (const path of [dataFolder, versions]) await mkdir(path);
  const credentials = { accessKeyId: `lab${randomBytes(6).toString("hex")}`, secretAccessKey: randomBytes(20).toString("hex") };
  const server = await LabProcess.start({
    command: PROGRAM,
    args: [
      `--port=127.0.0.1:${port}`,
      `--region=${REGION}`,
      ...(keepAlive ? ["--keep-alive"] : []),
      ...(tls === undefined ? [] : ["--cert", tls.cert, "--key", tls.key]),
      "posix",
      `--versioning-dir=${versions}`,
      ...(etags === "checksum" ? ["--data-integrity-etag"] : []),
      dataFolder,
    ],
    cwd: folder.path,
    logFile: join(folder.path, "versitygw.log"),
    env: { PATH: process.env["PATH"], ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  });
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const trust = tls === undefined ? {} : { requestHandler: { httpsAgent: { ca: tls.caText } } };
  const client = (): S3Client => new S3Client({ endpoint, region: REGION, credentials, forcePathStyle: true, ...trust });
  const stop = async (): Promise<void> => {
    await server.stop();
    await folder.remove();
  };
  try {
    await until("versitygw listens", READY_MS, async () => {
      if (!server.isRunning) throw new Error("versitygw ended while it started");
      return isListening(port);
    });
  } catch (error) {
    const log = server.logTail();
    await stop();
    throw new Error(`${messageOf(error)}\n${log}`, { cause: error });
  }
  return {
    endpoint,
    region: REGION,
    credentials,
    environment: {
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: "true",
      ...(tls === undefined ? {} : { NODE_EXTRA_CA_CERTS: tls.ca }),
    },
    caText: tls?.caText,
    dataFolder,
    pid: server.pid,
    client,
    makeBucket: (options) => makeBucket(client(), options),
    logTail: (lines) => server.logTail(lines),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function makeBucket(client: S3Client, { versions = false, lock = false }: BucketOptions = {}): Promise<string> {
  const Bucket = `lab-${randomBytes(6).toString("hex")}`;
  try {
    await client.send(new CreateBucketCommand({ Bucket, ...(lock ? { ObjectLockEnabledForBucket: true } : {}) }));
    if (versions) await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    return Bucket;
  } finally {
    client.destroy();
  }
}
