import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority } from "./certificates.ts";
import type { Authority } from "./certificates.ts";
import type { ClusterFiles } from "./cluster-security.ts";
import { freePort } from "./free-port.ts";
import { LabProcess } from "./processes.ts";
import { isListening } from "./server-tls.ts";
import { until } from "./until.ts";

const CONFIGURATION = new URL("../../node/gate/nginx.conf", import.meta.url);

/** A real nginx with node/gate/nginx.conf before members of a cluster that asks for client certificates. */
export interface Gate extends AsyncDisposable {
  readonly url: string;
  /** Has issued the gate's own certificate and those of its clients; etcd does not know it. */
  readonly authority: Authority;
  /** Where its temporary files would lie. */
  readonly work: string;
}

export interface GateOptions {
  /** The cluster's authority and a client of it, which nginx will be. */
  readonly files: ClusterFiles;
  /** `https://127.0.0.1:2379` of each member that it leads to. */
  readonly endpoints: readonly string[];
  /** An empty place; made here. */
  readonly folder: string;
  readonly authority?: Authority;
  /** Changes the configuration further. */
  readonly edit?: (text: string) => string;
}

/** Only addresses and ports differ from the file that nodes get. Resolves when it listens. */
export async function startGate({
  files: { ca, cert, key },
  endpoints,
  folder,
  edit = (text) => text,
  ...options
}: GateOptions): Promise<Gate> {
  if (ca === undefined || cert === undefined || key === undefined) throw new Error("a gate needs a cluster with client certificates");
  const authority = options.authority ?? (await createAuthority("lifeboat gate ca"));
  const own = await authority.issueServer(["127.0.0.1", "localhost"]);
  const work = join(folder, "work");
  await mkdir(work, { recursive: true });
  const port = await freePort();
  const servers = endpoints.map((each) => `server ${new URL(each).host};`).join("\n    ");
  const text = (await readFile(CONFIGURATION, "utf8"))
    .replace("listen 2383 ssl http2;", `listen 127.0.0.1:${port} ssl http2;`)
    .replace("server 127.0.0.1:2379;", servers);
  const written = {
    "nginx.conf": edit(text),
    "gate.crt": own.cert,
    "gate.key": own.key,
    "clients-ca.crt": authority.certificate,
    "etcd-ca.crt": await readFile(ca, "utf8"),
    "etcd-client.crt": await readFile(cert, "utf8"),
    "etcd-client.key": await readFile(key, "utf8"),
  };
  for (const [name, content] of Object.entries(written)) await writeFile(join(folder, name), content, { mode: 0o600 });
  const args = ["-p", work, "-c", join(folder, "nginx.conf"), "-e", "stderr", "-g", `daemon off; pid ${join(work, "gate.pid")};`];
  const server = await LabProcess.start({
    command: "nginx",
    args,
    env: { PATH: process.env["PATH"] },
    logFile: join(folder, "gate.log"),
    cwd: work,
  });
  try {
    await until("the gate", 10_000, async () => {
      if (!server.isRunning) throw new Error(`nginx ended: ${server.logTail()}`);
      return isListening(port);
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: `https://127.0.0.1:${port}`, authority, work, [Symbol.asyncDispose]: () => server.stop() };
}
