import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";

import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import { skipWithout } from "../support/programs.ts";
import { drain, trailerMatches } from "./support/drain.ts";
import { failureOf } from "./support/failure.ts";
import { LIMITS, sourceOf } from "./support/source-of.ts";
import { tcpProxy } from "./support/tcp-proxy.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1") === true);

test.skipIf(skipWithout("the loopback address of IPv6", hasIpv6)).each(["plain", "tls"] as const)(
  "an IPv6 address in brackets leads to the member by both ways, %s",
  async (security) => {
    await using cluster = await startCluster({ version: "3.6", security });
    await using proxy = await tcpProxy(cluster.endpoints[0] ?? "", {}, "::1");
    expect(proxy.url).toMatch(/^https?:\/\/\[::1\]:\d+$/);
    const { tls } = cluster.connection;
    if (tls !== undefined) {
      using unnamed = sourceOf({ endpoints: [proxy.url], tls });
      expect((await failureOf(unnamed.status(proxy.url))).message).toContain(
        `the certificate of ${proxy.url} is not for ::1: it names IP Address:127.0.0.1`,
      );
    }
    using source = sourceOf({ endpoints: [proxy.url], tls: tls && { ...tls, serverName: "localhost" } });
    expect((await source.status(proxy.url)).endpoint).toBe(proxy.url);
    expect(trailerMatches(await drain(source.snapshot(proxy.url, LIMITS)))).toBe(true);
  },
);
