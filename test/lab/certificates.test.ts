import { X509Certificate, createPrivateKey } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createServer, connect } from "node:tls";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createAuthority, writeSecret } from "../../tools/lab/certificates.ts";
import { der, oid, time } from "../../tools/lab/der.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";

const inDays = (days: number): Date => new Date(Date.UTC(2026, 10, 21) + days * 86_400_000);

describe("DER", () => {
  test("lengths are written in the shortest form", () => {
    expect(der(4, Buffer.alloc(127)).subarray(0, 2).toString("hex")).toBe("047f");
    expect(der(4, Buffer.alloc(128)).subarray(0, 3).toString("hex")).toBe("048180");
    expect(der(4, Buffer.alloc(256)).subarray(0, 4).toString("hex")).toBe("04820100");
  });

  test("object identifiers are those of X.690's rules", () => {
    expect(oid("1.2.840.10045.4.3.2").toString("hex")).toBe("06082a8648ce3d040302");
  });

  test("times from 2050 on have four digits of the year", () => {
    expect(time(new Date("2049-12-31T23:59:59Z")).toString("latin1")).toBe("\x17\x0d491231235959Z");
    expect(time(new Date("2050-01-01T00:00:00Z")).toString("latin1")).toBe("\x18\x0f20500101000000Z");
  });
});

describe("an authority of the lab", () => {
  test("issues certificates with the names, validity and key asked for, which only it signed", () => {
    const authority = createAuthority();
    const foreign = createAuthority();
    const issued = authority.issueServer(["127.0.0.1", "etcd.lifeboat.test"], { notBefore: inDays(-2), notAfter: inDays(-1) });
    const certificate = new X509Certificate(issued.cert);
    expect(certificate.subjectAltName).toBe("IP Address:127.0.0.1, DNS:etcd.lifeboat.test");
    expect([certificate.validFromDate, certificate.validToDate]).toEqual([inDays(-2), inDays(-1)]);
    expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(certificate.verify(new X509Certificate(foreign.certificate).publicKey)).toBe(false);
  });

  test("lets a server and a client know each other over TLS, and keeps strangers out", async () => {
    const authority = createAuthority();
    const accepted: (string | undefined)[] = [];
    const { cert, key } = authority.issueServer(["127.0.0.1"]);
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
      const foreign = createAuthority("another ca");
      expect(await reach(authority.certificate, authority.issueClient("root"))).toBe("hello");
      expect(await reach(foreign.certificate, authority.issueClient("root"))).toBe("SELF_SIGNED_CERT_IN_CHAIN");
      expect(await reach(authority.certificate, foreign.issueClient("root"))).not.toBe("hello");
      expect(accepted).toEqual(["root"]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("writes keys that only their owner may read", async () => {
    await using folder = await temporaryFolder();
    const path = await writeSecret(join(folder.path, "key.pem"), createAuthority().issueClient("root").key);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
