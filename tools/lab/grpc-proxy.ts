import { join } from "node:path";
import { writeSecret } from "./certificates.ts";
import type { EtcdCluster } from "./etcd-cluster.ts";
import { freePorts } from "./free-port.ts";
import { LabProcess } from "./processes.ts";
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

/** A real `etcd grpc-proxy` before the voting members of a cluster. */
export interface GrpcProxy extends AsyncDisposable {
  readonly url: string;
}

/**
 * Speaks TLS where the cluster does, which must not ask for client certificates. With a CA the proxy demands a client certificate of its own, without a common name, so that here it
 * does not look at the members' certificates. Resolves when it answers.
 */
export async function startGrpcProxy(cluster: EtcdCluster): Promise<GrpcProxy> {
  const [port] = await freePorts(1);
  const { authority, files, folder, programs } = cluster;
  if (files.cert !== undefined) throw new Error("the lab's grpc-proxy has no client certificate");
  const address = `127.0.0.1:${port}`;
  const scheme = authority === undefined ? "http" : "https";
  const args = [
    "grpc-proxy",
    "start",
    `--endpoints=${cluster.endpoints.join(",")}`,
    `--listen-addr=${address}`,
    `--advertise-client-url=${address}`,
  ];
  if (authority !== undefined) {
    const { cert, key } = await authority.issueServer(["127.0.0.1"]);
    const [certFile, keyFile] = [join(folder, `proxy-${port}.pem`), join(folder, `proxy-${port}-key.pem`)];
    args.push(
      `--cert-file=${await writeSecret(certFile, cert)}`,
      `--key-file=${await writeSecret(keyFile, key)}`,
      "--insecure-skip-tls-verify",
    );
  }
  // The proxy is its own client too, by the system's authorities alone, and ends after five seconds where it does not trust itself.
  const env = { PATH: process.env["PATH"], ...(files.ca !== undefined && { SSL_CERT_FILE: files.ca }) };
  const launched = await LabProcess.start({ command: programs.etcd, args, env, logFile: join(folder, `proxy-${port}.log`) });
  const url = `${scheme}://${address}`;
  try {
    await until(`the grpc-proxy of etcd ${cluster.version}`, 30_000, async () => {
      if (!launched.isRunning) throw new Error(`it ended: ${launched.logTail()}`);
      const ca = files.ca === undefined ? [] : [`--cacert=${files.ca}`];
      return runProgram(programs.etcdctl, [`--endpoints=${url}`, ...ca, "member", "list"], { env }).then(
        () => true,
        () => false,
      );
    });
  } catch (error) {
    await launched.kill();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: () => launched.kill() };
}
