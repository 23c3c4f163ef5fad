import { access, mkdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../shared/errors.ts";
import { freePort } from "./free-port.ts";
import { LabProcess } from "./processes.ts";
import { serverTls } from "./server-tls.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

const PYTHON = fileURLToPath(new URL("../.venv/bin/python3", import.meta.url));
// It takes under a second; the rest is for machines whose cores are all busy.
const READY_MS = 30_000;

export interface MiniStackOptions {
  /** Speak TLS and enforce IAM policies; the account's own credentials may do everything. False by default. */
  readonly auth?: boolean;
  /** By how much the waits of state machines are shorter than they say: 0.001 makes milliseconds of seconds. 1 by default. */
  readonly waitScale?: number;
}

/** An emulated AWS on loopback, all of whose state is in memory. */
export interface MiniStack extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, with `auth` https. */
  readonly endpoint: string;
  readonly region: string;
  /** PEM file of the authority to trust, where it speaks TLS: for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string | undefined;
  /** For a child process that works as the account itself: credentials, region, trust; nothing of the caller's. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Forgets everything: buckets, keys, roles. */
  reset(): Promise<void>;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

export const MINISTACK_REGION = "eu-central-1";

export async function startMiniStack({ auth = false, waitScale = 1 }: MiniStackOptions = {}): Promise<MiniStack> {
  await access(PYTHON).catch(() => {
    throw new Error("MiniStack is not here: run npm run setup");
  });
  // In the system's folder for temporary files: its Lambda workers break under a package.json of "type": "module".
  const folder = await temporaryFolder();
  try {
    return await start(folder, auth, waitScale);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function start(folder: TemporaryFolder, auth: boolean, waitScale: number): Promise<MiniStack> {
  const port = await freePort();
  const places = { TMPDIR: join(folder.path, "tmp"), STATE_DIR: join(folder.path, "state"), HOME: join(folder.path, "home") };
  for (const place of Object.values(places)) await mkdir(place);
  const tls = auth ? await serverTls(folder.path, "ministack") : undefined;
  const process_ = await LabProcess.start({
    command: PYTHON,
    args: ["-m", "ministack"],
    cwd: folder.path,
    logFile: join(folder.path, "ministack.log"),
    // Nothing else of the caller's: an AWS_* variable would be taken for its own and handed to functions.
    env: {
      // Its functions run on the first `node` there.
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      ...places,
      BIND_HOST: "127.0.0.1",
      MINISTACK_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      MINISTACK_REGION,
      IOT_MTLS_ENABLED: "0",
      SFTP_ENABLED: "0",
      LOG_LEVEL: "WARNING",
      PYTHONDONTWRITEBYTECODE: "1",
      SFN_WAIT_SCALE: String(waitScale),
      // Its functions take the variable over; else they would be told to trust the server's certificate, which Node does not do without its authority's.
      ...(tls && { AUTH: "true", USE_SSL: "1", MINISTACK_SSL_CERT: tls.cert, MINISTACK_SSL_KEY: tls.key, NODE_EXTRA_CA_CERTS: tls.ca }),
    },
  });
  const endpoint = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    // SIGTERM waits for connections that clients keep open.
    await process_.kill();
    await folder.remove();
  };
  try {
    await until("MiniStack ready", READY_MS, async () => {
      if (!process_.isRunning) throw new Error("MiniStack ended while it started");
      return (await ask(`${endpoint}/_ministack/health`, "GET", tls?.caText).catch(() => undefined)) === 200;
    });
  } catch (error) {
    const log = process_.logTail();
    await process_.kill();
    throw new Error(`${messageOf(error)}\n${log}`, { cause: error });
  }
  return {
    endpoint,
    region: MINISTACK_REGION,
    caFile: tls?.ca,
    environment: {
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: MINISTACK_REGION,
      // No real configuration of the machine's, and no search for a role of a virtual machine.
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
      ...(tls && { NODE_EXTRA_CA_CERTS: tls.ca }),
    },
    pid: process_.pid,
    get isRunning() {
      return process_.isRunning;
    },
    async reset() {
      const status = await ask(`${endpoint}/_ministack/reset`, "POST", tls?.caText);
      if (status !== 200) throw new Error(`MiniStack answered the reset with ${status}`);
    },
    logTail: (lines) => process_.logTail(lines),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The answer's status. */
function ask(url: string, method: "GET" | "POST", ca: string | undefined): Promise<number | undefined> {
  const options = { method, ca, agent: false, timeout: READY_MS };
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      response.resume();
      response.once("end", () => resolve(response.statusCode)).once("error", reject);
    };
    const request = url.startsWith("https:") ? httpsRequest(url, options, onResponse) : httpRequest(url, options, onResponse);
    request.once("error", reject).end();
  });
}
