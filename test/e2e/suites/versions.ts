import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { startCluster, startFrom } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import type { Security } from "../../../tools/lab/cluster-security.ts";
import { etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import { fillWithKubernetesData } from "../../../tools/lab/kubernetes-data.ts";
import { compareKeys, readAll } from "../../../tools/lab/read-all.ts";
import { restore } from "../../../tools/lab/restore.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { initialise } from "../../support/initialise.ts";
import { lifeboatJsonHere } from "../../support/lifeboat-here.ts";
import { skipWithout } from "../../support/programs.ts";
import { anyText } from "../../support/matchers.ts";

export interface ClusterLayout {
  readonly members: number;
  readonly security: Security;
}

/** Every kind of access, on one member and on three. */
export const LAYOUTS: readonly ClusterLayout[] = [
  { members: 1, security: "plain" },
  { members: 3, security: "tls" },
  { members: 3, security: "password" },
  { members: 1, security: "certificate" },
];

const backupSchema = z.object({
  id: z.string(),
  cluster: z.literal("prod"),
  revision: z.int().positive(),
  databaseBytes: z.int().positive(),
  storedBytes: z.int().positive(),
  member: z.object({ id: z.string(), name: z.string(), endpoint: z.string(), version: z.string() }),
  proof: z.literal("proven"),
  dissenters: z.array(z.string()).length(0),
  phases: z.record(z.string(), z.number()),
  manifestDigest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
const exportSchema = z.object({ file: z.string(), bytes: z.int() });

/** The whole way with a real cluster of `version`: backup, deep verification, export, restore, and every key compared. */
export function versionTests(version: EtcdVersion, layouts: readonly ClusterLayout[]): void {
  describe(`etcd ${version}`, () => {
    test.skipIf(skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined)).each(layouts)(
      "$members member(s), $security: what is backed up comes back key by key",
      async ({ members, security }) => {
        await using cluster = await startCluster({ version, members, security });
        await using folder = await temporaryFolder();
        const filled = await fillWithKubernetesData(cluster.connection, { megabytes: 1 });
        const options = await initialise(cluster, folder.path);

        expect(await lifeboatJsonHere(["preflight", "prod"], options)).toMatchObject({
          ready: true,
          alarms: [],
          lineage: { number: 1, opens: "first-backup" },
        });
        const backup = backupSchema.parse(await lifeboatJsonHere(["backup", "prod"], options));
        expect(backup.revision).toBe(filled.revision);
        expect(backup.member.version.startsWith(version)).toBe(true);
        expect(backup.storedBytes).toBeLessThan(backup.databaseBytes);
        if (members === 3) expect(backup.member.name).not.toBe((await cluster.leader()).name);

        expect(await lifeboatJsonHere(["verify", `prod/${backup.id}`, "--deep"], options)).toMatchObject({ good: true, level: "deep" });
        expect(await lifeboatJsonHere(["ls", "prod"], options)).toMatchObject({
          snapshots: [{ ref: `prod/${backup.id}`, verifiedAt: anyText }],
        });
        const exported = exportSchema.parse(await lifeboatJsonHere(["export", "prod/latest", "--out", "snapshot.db"], options));
        expect(exported.file).toBe(join(folder.path, "snapshot.db"));
        expect(await stat(exported.file).then(({ size, mode }) => ({ size, mode: mode & 0o777 }))).toEqual({
          size: exported.bytes,
          mode: 0o600,
        });

        await using restored = await startFrom(await restore(version, exported.file, folder.path));
        const at = { revision: filled.revision };
        expect(await compareKeys(readAll(cluster.connection, at), readAll(restored.connection, at))).toEqual({
          same: filled.keys,
          differences: [],
        });
      },
    );
  });
}
