import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Every arrow of the house is broken once, in a tree of its own under the project's own rules. */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const FORBIDDEN: readonly (readonly [file: string, imported: string])[] = [
  ["shared/jobs/a.ts", "../store/directory/directory-store.ts"],
  ["shared/jobs/b.ts", "../store/sealed.ts"],
  ["shared/jobs/c.ts", "../keys/local/local-key-ring.ts"],
  ["shared/jobs/s3.ts", "../store/s3/s3-store.ts"],
  ["shared/jobs/kms.ts", "../keys/kms/kms-key-ring.ts"],
  ["shared/config/aws.ts", "../secrets/aws-secrets.ts"],
  ["shared/jobs/d.ts", "../etcd/adapter/source.ts"],
  ["shared/custody/who.ts", "../aws/caller-identity.ts"],
  ["shared/jobs/e.ts", "../wire.ts"],
  ["shared/jobs/f.ts", "node:fs/promises"],
  ["shared/jobs/g.ts", "../seal/seal.ts"],
  ["shared/jobs/h.ts", "../host-lock/file-lock.ts"],
  ["shared/jobs/doctor/h.ts", "../../programs/adapter/installed-programs.ts"],
  ["shared/jobs/i.ts", "../../cli/main.ts"],
  ["shared/jobs/file.ts", "../input/adapter/snapshot-file.ts"],
  ["shared/jobs/j.ts", "etcd3"],
  ["shared/jobs/executions.ts", "../executions/step-functions.ts"],
  ["functions/a.ts", "../shared/store/s3/s3-store.ts"],
  ["functions/b.ts", "../tools/lab/etcd-cluster.ts"],
  ["shared/jobs/time.ts", "../system-clock.ts"],
  ["shared/etcd/time.ts", "../system-clock.ts"],
  ["shared/store/directory/k.ts", "../../jobs/backup.ts"],
  ["shared/store/directory/l.ts", "../../keys/local/local-key-ring.ts"],
  ["shared/keys/local/m.ts", "../../wire.ts"],
  ["shared/etcd/adapter/n.ts", "../../../test/support/blobs.ts"],
  ["shared/manifest/o.ts", "../jobs/backup.ts"],
  ["shared/wire/ports.ts", "../cli/main.ts"],
  ["cli/p.ts", "../shared/store/directory/directory-store.ts"],
  ["cli/q.ts", "../shared/seal/age.ts"],
  ["cli/r.ts", "../shared/etcd/grpc/source.ts"],
  ["cli/s.ts", "../tools/lab/etcd-cluster.ts"],
  ["functions/cdk.ts", "aws-cdk-lib"],
  ["functions/service.ts", "aws-cdk-lib/aws-lambda"],
  ["functions/stack.ts", "../infra/service-stack.ts"],
  ["infra/client.ts", "@aws-sdk/client-kms"],
  ["infra/constructs/store.ts", "../../shared/store/s3/s3-store.ts"],
  ["infra/constructs/wire.ts", "../../shared/wire.ts"],
  ["infra/job.ts", "../shared/jobs/backup/backup.ts"],
  ["infra/constructs/handler.ts", "../../functions/backup.ts"],
];

const ALLOWED: typeof FORBIDDEN = [
  ["shared/jobs/t.ts", "../store/blob-store.ts"],
  ["shared/jobs/u.ts", "../manifest/schema.ts"],
  ["shared/store/directory/v.ts", "./walk.ts"],
  ["cli/w.ts", "../shared/wire/ports.ts"],
  ["cli/x.ts", "../shared/jobs/backup/backup.ts"],
  ["functions/job.ts", "../shared/jobs/backup/backup.ts"],
  ["infra/config.ts", "../shared/config/load.ts"],
  ["infra/constructs/names.ts", "../../shared/service.ts"],
  ["test/y.ts", "../shared/store/directory/directory-store.ts"],
];

let folder: string;
let refused: ReadonlySet<string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-arrows-"));
  await copyFile(join(ROOT, "oxlint.config.ts"), join(folder, "oxlint.config.ts"));
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const [file, imported] of [...FORBIDDEN, ...ALLOWED]) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `import { thing } from ${JSON.stringify(imported)};\nexport const other = thing;\n`);
  }
  const { stdout } = await execa(join(ROOT, "node_modules/.bin/oxlint"), ["--format", "unix"], { cwd: folder, reject: false });
  refused = new Set(stdout.split("\n").flatMap((line) => (line.includes("no-restricted-imports") ? [line.split(":", 1)[0] ?? ""] : [])));
}, 30_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(FORBIDDEN)("%s may not import %s", (file) => expect([...refused].map((path) => path.replace(`${folder}/`, ""))).toContain(file));
test.each(ALLOWED)("%s may import %s", (file) => expect([...refused].map((path) => path.replace(`${folder}/`, ""))).not.toContain(file));
