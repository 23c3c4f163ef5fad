import { Channel, Metadata, credentials, type ServiceError } from "@grpc/grpc-js";
import { ConnectionPool } from "etcd3/lib/connection-pool.js";

import { LineCredentials } from "./channel-credentials.ts";
import type { Outcome } from "./connection.ts";
import type { DialTarget } from "./dial.ts";
import { GRPC, isFromEtcd, type CallStatus } from "./errors.ts";
import type { EtcdSettings } from "./settings.ts";

type Authenticate = (
  request: object,
  metadata: Metadata,
  callback: (error: ServiceError | null, answer: unknown) => void,
) => { cancel(): void };

/**
 * Auth/Authenticate by etcd3 (docs/decisions/0023), on a connection of its own: the answer has the token. Two of etcd3's faults are got round here: it drops our options in this one
 * call, so the channel is ours, handed in by `channelOverride`; and it turns gRPC's errors into classes without a code, and breaks its circuit on them, so no error
 * leaves the function that it runs. Given up when `stop` aborts. Never rejects.
 */
export async function logIn(line: DialTarget, auth: NonNullable<EtcdSettings["auth"]>, stop: AbortSignal): Promise<Outcome> {
  const { endpoint, tls } = line;
  const channel = new Channel(endpoint.authority, endpoint.secure ? new LineCredentials(line) : credentials.createInsecure(), {
    // A proxy from the environment has no say in the way to etcd.
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    // Else a new channel takes over the old one's broken connection, back-off and all.
    "grpc.use_local_subchannel_pool": 1,
    ...(endpoint.secure && tls.serverName !== undefined ? { "grpc.default_authority": tls.serverName } : {}),
  });
  const pool = new ConnectionPool({ hosts: endpoint.authority, grpcOptions: { channelOverride: channel } });
  try {
    return await pool.withConnection(
      "Auth",
      async ({ client }) =>
        new Promise<Outcome>((resolve) => {
          // grpc-js makes the methods from the .proto file at run time, so its types cannot name them.
          const { authenticate } = client as unknown as { authenticate: Authenticate };
          const request = { name: auth.username, password: auth.password };
          const call = authenticate.call(client, request, new Metadata(), (error, message) => {
            if (error === null) resolve({ message });
            else {
              const status: CallStatus = { code: error.code, message: error.details };
              // A log-in changes nothing, so one that was lost on the way is made again as if nobody had seen it: a balancer may have led it to a dead member.
              resolve({ status, isUnseen: status.code === GRPC.UNAVAILABLE && !isFromEtcd(status) });
            }
          });
          stop.addEventListener("abort", () => call.cancel(), { once: true });
        }),
    );
  } finally {
    channel.close();
  }
}
