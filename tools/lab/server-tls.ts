import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createAuthority, writeSecret } from "./certificates.ts";

/** What a server on loopback needs to speak TLS, and what a client needs to trust it: files below one folder. */
export interface ServerTls {
  /** The authority's certificate, PEM. */
  readonly ca: string;
  readonly caText: string;
  readonly cert: string;
  readonly key: string;
}

export async function serverTls(folder: string, name: string): Promise<ServerTls> {
  const authority = await createAuthority(`${name} ca`);
  const { cert, key } = await authority.issueServer(["127.0.0.1", "localhost"]);
  const ca = join(folder, "ca.pem");
  await writeFile(ca, authority.certificate);
  return {
    ca,
    caText: authority.certificate,
    cert: await writeSecret(join(folder, "server.pem"), cert),
    key: await writeSecret(join(folder, "server-key.pem"), key),
  };
}

/** Whether something takes connections at the port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
