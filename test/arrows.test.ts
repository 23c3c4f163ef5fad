import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LAYERS, PORTS, PURE } from "../oxlint.config.ts";

/** Every arrow of the house is broken once, in a tree of its own under the project's own rules. */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const FORBIDDEN: readonly (readonly [file: string, imported: string])[] = [
  ["shared/jobs/a.ts", "../store/directory/directory-store.ts"],
  ["shared/jobs/b.ts", "../store/sealed/sealed-store.ts"],
  ["shared/jobs/c.ts", "../keys/local/local-key-ring.ts"],
  ["shared/jobs/s3.ts", "../store/s3/s3-store.ts"],
  ["shared/jobs/kms.ts", "../keys/kms/kms-key-ring.ts"],
  // Adapters that are not there yet: guarded the day that they are made.
  ["shared/jobs/kopia.ts", "../store/kopia/kopia-store.ts"],
  ["shared/vault/hsm.ts", "../keys/hsm/deep/key-ring.ts"],
  ["cli/kopia.ts", "../shared/store/kopia/kopia-store.ts"],
  ["shared/store/kopia/wire.ts", "../../wire/ports.ts"],
  ["shared/store/kopia/other.ts", "../directory/directory-store.ts"],
  ["shared/config/aws.ts", "../cloud/aws/secrets.ts"],
  ["shared/jobs/d.ts", "../etcd/grpc/source.ts"],
  ["shared/vault/custody/who.ts", "../../cloud/aws/caller-identity.ts"],
  ["shared/jobs/e.ts", "../wire/ports.ts"],
  ["shared/jobs/f.ts", "node:fs/promises"],
  ["shared/jobs/g.ts", "../seal/seal.ts"],
  ["shared/jobs/h.ts", "../host/files/file-lock.ts"],
  ["shared/jobs/doctor/h.ts", "../../host/programs/installed-programs.ts"],
  ["shared/jobs/i.ts", "../../cli/main.ts"],
  ["shared/jobs/file.ts", "../input/file/snapshot-file.ts"],
  ["shared/jobs/j.ts", "etcd3"],
  ["shared/jobs/executions.ts", "../cloud/aws/step-functions.ts"],
  ["functions/a.ts", "../shared/store/s3/s3-store.ts"],
  ["functions/b.ts", "../tools/lab/etcd-cluster.ts"],
  ["shared/jobs/time.ts", "../system-clock.ts"],
  ["shared/etcd/time.ts", "../system-clock.ts"],
  ["shared/store/directory/k.ts", "../../jobs/backup/backup.ts"],
  ["shared/store/directory/vault.ts", "../../vault/catalog.ts"],
  ["shared/store/directory/l.ts", "../../keys/local/local-key-ring.ts"],
  ["shared/keys/local/m.ts", "../../wire/ports.ts"],
  ["shared/etcd/grpc/n.ts", "../../../test/support/blobs.ts"],
  ["shared/vault/job.ts", "../jobs/orphans.ts"],
  ["shared/vault/disk.ts", "node:fs/promises"],
  ["shared/vault/lineage/seal.ts", "../../seal/seal.ts"],
  ["shared/documents/o.ts", "../jobs/backup/backup.ts"],
  ["shared/documents/port.ts", "../store/blob-store.ts"],
  ["shared/documents/vault.ts", "../vault/catalog.ts"],
  ["shared/documents/disk.ts", "node:fs"],
  ["shared/snapshot/net.ts", "node:http2"],
  ["shared/snapshot/store.ts", "../store/directory/walk.ts"],
  ["shared/retention/s3.ts", "@aws-sdk/client-s3"],
  ["shared/audit/rules/disk.ts", "node:fs/promises"],
  ["shared/audit/vault.ts", "../vault/catalog.ts"],
  ["shared/audit/job.ts", "../jobs/audit/gather.ts"],
  ["shared/bundle/program.ts", "execa"],
  ["shared/node-files/disk.ts", "node:fs/promises"],
  ["shared/node-files/age.ts", "../seal/age.ts"],
  ["shared/kube/disk.ts", "node:child_process"],
  ["shared/report/disk.ts", "node:fs/promises"],
  ["shared/kube/own-adapter.ts", "./program/decoder-process.ts"],
  ["shared/jobs/look/decoder.ts", "../../kube/program/program-decoder.ts"],
  ["shared/etcd/client.ts", "etcd3"],
  ["shared/etcd/own-adapter.ts", "./grpc/source.ts"],
  ["shared/wire/main.ts", "../../cli/main.ts"],
  ["cli/p.ts", "../shared/store/directory/directory-store.ts"],
  ["cli/q.ts", "../shared/seal/age.ts"],
  ["cli/r.ts", "../shared/etcd/grpc/source.ts"],
  ["cli/s.ts", "../tools/lab/etcd-cluster.ts"],
  ["functions/cdk.ts", "aws-cdk-lib"],
  ["functions/service.ts", "aws-cdk-lib/aws-lambda"],
  ["functions/stack.ts", "../infra/service-stack.ts"],
  ["infra/client.ts", "@aws-sdk/client-kms"],
  ["infra/constructs/store.ts", "../../shared/store/s3/s3-store.ts"],
  ["infra/constructs/wire.ts", "../../shared/wire/ports.ts"],
  ["infra/job.ts", "../shared/jobs/backup/backup.ts"],
  ["infra/constructs/handler.ts", "../../functions/backup.ts"],
];

const ALLOWED: typeof FORBIDDEN = [
  ["shared/jobs/t.ts", "../store/blob-store.ts"],
  ["shared/jobs/u.ts", "../documents/manifest.ts"],
  ["shared/jobs/verify/v.ts", "../../vault/lineage/lineages.ts"],
  ["shared/vault/w.ts", "./custody/append.ts"],
  ["shared/vault/x.ts", "../store/blob-store.ts"],
  ["shared/audit/judge.ts", "./rules/rpo.ts"],
  ["shared/documents/y.ts", "../keys/public-key.ts"],
  ["shared/store/directory/v.ts", "./walk.ts"],
  ["shared/store/directory/w.ts", "../blob-store.ts"],
  ["shared/store/directory/x.ts", "../../errors.ts"],
  ["shared/store/directory/y.ts", "../../host/host-lock.ts"],
  ["shared/etcd/grpc/z.ts", "etcd3"],
  ["shared/jobs/look/clean.ts", "../../kube/clean.ts"],
  ["shared/kube/program/z.ts", "../../host/program-finder.ts"],
  ["shared/wire/w.ts", "../store/s3/s3-store.ts"],
  ["cli/w.ts", "../shared/wire/ports.ts"],
  ["cli/x.ts", "../shared/jobs/backup/backup.ts"],
  ["functions/job.ts", "../shared/jobs/backup/backup.ts"],
  ["infra/config.ts", "../shared/config/load.ts"],
  ["infra/constructs/names.ts", "../../shared/contract/service.ts"],
  ["test/y.ts", "../shared/store/directory/directory-store.ts"],
];

/** The project's rules, without those that need types, which the arrows do not: they take 5 s of processor time. */
const withoutTypes = (config: string): string =>
  `import config from ${JSON.stringify(config)};\nexport default { ...config, options: {} };\n`;

let folder: string;
let refused: ReadonlySet<string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-arrows-"));
  await writeFile(join(folder, "oxlint.config.ts"), withoutTypes(join(ROOT, "oxlint.config.ts")));
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

/** Every file under `path`, from the root. */
async function filesUnder(path: string): Promise<readonly string[]> {
  const entries = await readdir(join(ROOT, path), { withFileTypes: true, recursive: true });
  return entries
    .filter((each) => each.isFile() && each.name.endsWith(".ts"))
    .map((each) => relative(ROOT, join(each.parentPath, each.name)));
}

/** The part of the house that a file of shared/ belongs to: its folder, and of a port each adapter for itself; undefined for a file of shared/ itself. */
function partOf(file: string): string | undefined {
  const [, top = "", below] = file.split("/").slice(0, -1);
  if (top === "") return undefined;
  const isPort = PORTS.some((port) => port === top);
  return isPort && below !== undefined ? `${top}/${below}` : top;
}

test("every folder of shared/ is a port, a pure folder or a layer: a new one is put in its list, and guarded", async () => {
  const known = new Set<string>([...PORTS, ...PURE, ...LAYERS]);
  const tops = (await filesUnder("shared")).flatMap((file) => partOf(file)?.split("/")[0] ?? []);
  expect([...new Set(tops)].filter((top) => !known.has(top))).toEqual([]);
});

test("the folders of shared/ form no circle", async () => {
  const arrows = new Map<string, Set<string>>();
  for (const file of await filesUnder("shared")) {
    const from = partOf(file);
    if (from === undefined) continue;
    const text = await readFile(join(ROOT, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(/(?:from|import\() ?"(\.[^"]+)"/g)) {
      const to = partOf(relative(ROOT, resolve(ROOT, dirname(file), specifier)));
      if (to !== undefined && to !== from) arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
    }
  }
  expect(arrows.size).toBeGreaterThan(10);
  expect(circleIn(arrows)).toBeUndefined();
});

test("a circle is found", () => {
  const arrows = new Map([
    ["a", new Set(["b"])],
    ["b", new Set(["c"])],
    ["c", new Set(["b"])],
  ]);
  expect(circleIn(arrows)).toEqual(["b", "c", "b"]);
});

function circleIn(arrows: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of arrows.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of arrows.keys()) {
    const circle = visit(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
