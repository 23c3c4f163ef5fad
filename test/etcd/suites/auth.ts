import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ROOT_PASSWORD } from "../../../tools/lab/cluster-security.ts";
import { startCluster, type EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { skipWithout } from "../../support/programs.ts";
import { drain, trailerMatches } from "../support/drain.ts";
import { failureOf } from "../support/failure.ts";
import { LIMITS, sourceOf } from "../support/source-of.ts";

const BACKUP_PASSWORD = "only-for-backups";
const WRONG = "not-the-password";

export function authTests(versions: readonly EtcdVersion[]): void {
  describe.each(versions)("etcd %s with users and passwords", (version) => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);
    let cluster: EtcdCluster;
    let url: string;

    beforeAll(async () => {
      if (isMissing) return;
      cluster = await startCluster({ version, security: "password" });
      url = cluster.endpoints[0] ?? "";
      await cluster.etcdctl(["user", "add", "backup", "--interactive=false"], { input: `${BACKUP_PASSWORD}\n` });
    });
    afterAll(async () => {
      if (!isMissing) await cluster.stop();
    });

    test.skipIf(isMissing)("a wrong password fails every call, and is in no message", async () => {
      using source = sourceOf({ ...cluster.connection, auth: { username: "root", password: WRONG } });
      const expected = {
        code: "etcd/auth",
        retryable: false,
        message: `${url} refused user name or password of user root`,
        hint: expect.stringContaining("auth.password") as string,
      };
      expect(await failureOf(source.status(url), [WRONG])).toMatchObject(expected);
      expect(await failureOf(source.checkPermission(url), [WRONG])).toMatchObject(expected);
      expect(await failureOf(drain(source.snapshot(url, LIMITS)), [WRONG])).toMatchObject(expected);
    });

    test.skipIf(isMissing)("an unknown user is told the same", async () => {
      using source = sourceOf({ ...cluster.connection, auth: { username: "nobody", password: WRONG } });
      expect(await failureOf(source.status(url), [WRONG])).toMatchObject({
        code: "etcd/auth",
        message: `${url} refused user name or password of user nobody`,
      });
    });

    test.skipIf(isMissing)("no user where one is asked for", async () => {
      using source = sourceOf({ endpoints: cluster.endpoints, tls: cluster.connection.tls });
      const expected = { code: "etcd/auth", message: `${url} requires authentication, and no user is configured` };
      expect(await failureOf(source.checkPermission(url))).toMatchObject(expected);
      expect(await failureOf(drain(source.snapshot(url, LIMITS)))).toMatchObject(expected);
    });

    test.skipIf(isMissing)(
      "a user that is not root sees the members and is denied the snapshot, with the command that grants it",
      async () => {
        using source = sourceOf({ ...cluster.connection, auth: { username: "backup", password: BACKUP_PASSWORD } });
        expect((await source.status(url)).leaderId).toBeDefined();
        expect(await source.members(url)).toHaveLength(1);
        const expected = {
          code: "etcd/denied",
          message: `${url} does not let user backup send a snapshot: the role root is needed`,
          hint: "grant it with `etcdctl user grant-role backup root`",
        };
        expect(await failureOf(source.checkPermission(url), [BACKUP_PASSWORD])).toMatchObject(expected);
        expect(await failureOf(drain(source.snapshot(url, LIMITS)), [BACKUP_PASSWORD])).toMatchObject(expected);
        expect(await failureOf(source.hashKv(url, 1, { timeoutMs: LIMITS.idleMs }), [BACKUP_PASSWORD])).toMatchObject({
          ...expected,
          message: `${url} does not let user backup hash its keys at revision 1 (HashKV): the role root is needed`,
        });
        using root = sourceOf(cluster.connection);
        expect(await root.hashKv(url, 1, { timeoutMs: LIMITS.idleMs })).toMatchObject({ compactRevision: -1 });
      },
    );

    test.skipIf(isMissing)("after a restart, which forgets all tokens, each way gets a new one by itself", async () => {
      using source = sourceOf(cluster.connection);
      const [member] = cluster.members;
      for (const again of [() => source.checkPermission(url), () => drain(source.snapshot(url, LIMITS))]) {
        await source.checkPermission(url);
        await member?.stop();
        await member?.start();
        const answer = await again();
        if (answer !== undefined) expect(trailerMatches(answer)).toBe(true);
      }
    });
  });

  describe.each(versions)("etcd %s with users by certificate", (version) => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);

    test.skipIf(isMissing)("a name that is no user, and a user that is not root", async () => {
      await using cluster = await startCluster({ version, security: "certificate" });
      const url = cluster.endpoints[0] ?? "";
      await cluster.etcdctl(["user", "add", "backup", "--no-password"]);
      const ca = cluster.authority?.certificate;

      using nobody = sourceOf({ endpoints: cluster.endpoints, tls: { ca, ...(await cluster.authority?.issueClient("nobody")) } });
      for (const action of [() => nobody.checkPermission(url), () => drain(nobody.snapshot(url, LIMITS))]) {
        expect(await failureOf(action())).toMatchObject({
          code: "etcd/auth",
          message: `${url} does not know the user of the client certificate (CN=nobody)`,
        });
      }
      using backup = sourceOf({ endpoints: cluster.endpoints, tls: { ca, ...(await cluster.authority?.issueClient("backup")) } });
      for (const action of [() => backup.checkPermission(url), () => drain(backup.snapshot(url, LIMITS))]) {
        expect(await failureOf(action())).toMatchObject({
          code: "etcd/denied",
          message: `${url} does not let the user of the client certificate (CN=backup) send a snapshot: the role root is needed`,
          hint: "grant it with `etcdctl user grant-role backup root`",
        });
      }
    });

    test.skipIf(isMissing)("a password is needless where etcd asks for none, as for etcdctl", async () => {
      await using cluster = await startCluster({ version });
      const url = cluster.endpoints[0] ?? "";
      using source = sourceOf({ ...cluster.connection, auth: { username: "root", password: ROOT_PASSWORD } });
      await source.checkPermission(url);
      expect(trailerMatches(await drain(source.snapshot(url, LIMITS)))).toBe(true);
    });
  });
}
