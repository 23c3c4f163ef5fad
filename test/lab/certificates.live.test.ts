import { X509Certificate, createPrivateKey } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createServer, connect } from "node:tls";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createAuthority, writeSecret } from "../../tools/lab/certificates.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";

const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(Date.UTC(2026, 10, 21) + days * DAY_MS);

describe("an authority of the lab", () => {
  test("issues certificates with the names, validity and key asked for, which only it signed", async () => {
    const authority = await createAuthority();
    const foreign = await createAuthority();
    const names = ["127.0.0.1", "::1", "etcd.lifeboat.test"];
    const issued = await authority.issueServer(names, { notBefore: inDays(-2), notAfter: inDays(-1) });
    const certificate = new X509Certificate(issued.cert);
    expect(certificate.subjectAltName).toBe("IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:etcd.lifeboat.test");
    expect([certificate.validFromDate, certificate.validToDate]).toEqual([inDays(-2), inDays(-1)]);
    expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(certificate.verify(new X509Certificate(foreign.certificate).publicKey)).toBe(false);
  });

  test("takes a client's name as it stands, and lets its certificates hold for a year", async () => {
    const authority = await createAuthority();
    const { cert } = await authority.issueClient("backup, O=system:masters");
    const certificate = new X509Certificate(cert);
    expect(certificate.toLegacyObject().subject).toEqual({ CN: "backup, O=system:masters" });
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    for (const { validFromDate, validToDate } of [certificate, new X509Certificate(authority.certificate)]) {
      expect(validFromDate.getTime()).toBeLessThan(Date.now());
      expect(validToDate.getTime()).toBeGreaterThan(Date.now() + 364 * DAY_MS);
      expect(validToDate.getTime()).toBeLessThanOrEqual(Date.now() + 365 * DAY_MS);
    }
  });

  test("lets a server and a client know each other over TLS, and keeps strangers out", async () => {
    const authority = await createAuthority();
    const accepted: (string | undefined)[] = [];
    const { cert, key } = await authority.issueServer(["127.0.0.1"]);
    const server = createServer({ cert, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true }, (socket) => {
      accepted.push(String(socket.getPeerCertificate().subject.CN));
      socket.end("hello");
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const reach = (ca: string, client: { cert: string; key: string }): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ host: "127.0.0.1", port, ca, ...client });
        let heard = "";
        socket.setEncoding("utf8").on("data", (text: string) => (heard += text));
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        socket.once("close", () => resolve(heard));
      });
    try {
      const foreign = await createAuthority("another ca");
      expect(await reach(authority.certificate, await authority.issueClient("root"))).toBe("hello");
      expect(await reach(foreign.certificate, await authority.issueClient("root"))).toBe("SELF_SIGNED_CERT_IN_CHAIN");
      expect(await reach(authority.certificate, await foreign.issueClient("root"))).not.toBe("hello");
      expect(accepted).toEqual(["root"]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("writes keys that only their owner may read", async () => {
    await using folder = await temporaryFolder();
    const { key } = await (await createAuthority()).issueClient("root");
    const path = await writeSecret(join(folder.path, "key.pem"), key);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
