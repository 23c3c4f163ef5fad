import { access, chmod, chown, copyFile, cp, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import packageJson from "../../../package.json" with { type: "json" };
import { BUNDLES } from "../../../shared/contract/service.ts";
import { startCluster, startFrom } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../../tools/lab/kubernetes-data.ts";
import { compareKeys, readAll } from "../../../tools/lab/read-all.ts";
import { restore } from "../../../tools/lab/restore.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { initArguments } from "../../support/initialise.ts";
import { saying } from "../../support/matchers.ts";
import { skipWithout } from "../../support/programs.ts";
import { readUnit, startUnit } from "../../support/systemd-units.ts";
import type { UserIds } from "../../support/systemd-units.ts";

/**
 * What a person gets who is not in a checkout: the tarballs of a release, installed by npm into an empty folder. `npm run test:exhaustive` has it with the oldest Node
 * as well, with one that is too old, and without the package of programs.
 */

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PLATFORM = `${process.platform}-${process.arch}`;
const OLDEST_NODE = /\^([\d.]+)/.exec(packageJson.engines.node)?.[1] ?? "";
/** What a machine may well have. */
const OLD_NODE = "20.9.0";

// Plain JavaScript without declarations, as the whole of set-up.
const packages: unknown = await import(new URL("../../../tools/setup/packages.mjs", import.meta.url).href);
const { npmEnvironment } = packages as { npmEnvironment: (environment: NodeJS.ProcessEnv) => Record<string, string> };
/** The machine's, without what a running npm and the checkout put into it. */
const OUTSIDE = npmEnvironment(process.env);

const NATIVE = ["arm64", "x64"].map((arch) => `node_modules/@node-rs/crc32-linux-${arch}-gnu/crc32.linux-${arch}-gnu.node`);

let folder: TemporaryFolder;
let tarballs: { readonly main: string; readonly tools: string; readonly etcd: string };
/** Where both were installed. */
let place: string;
/** What doctor said where the package of programs was not installed yet. */
let alone: { readonly stdout: string; readonly exitCode: number | undefined };
let cluster: EtcdCluster;
let filled: Awaited<ReturnType<typeof fillWithKubernetesData>>;

async function doctorAlone(): Promise<typeof alone> {
  const env = { ...OUTSIDE, PATH: dirname(process.execPath) };
  const main = join(place, "node_modules/.bin/lifeboat");
  const { stdout, exitCode } = await execa(process.execPath, [main, "doctor"], { cwd: place, env, extendEnv: false, reject: false });
  return { stdout, exitCode };
}

async function newPackage(name: string): Promise<string> {
  const path = join(folder.path, name);
  await mkdir(path);
  // npm runs an install script only of what is named here; `node` puts its program into place by one.
  await writeFile(join(path, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }));
  return path;
}

async function npmInstall(cwd: string, ...what: readonly string[]): Promise<void> {
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts=false", "--prefer-offline"];
  await execa("npm", ["install", ...flags, ...what], { cwd, env: OUTSIDE, extendEnv: false });
}

async function filesIn(tarball: string): Promise<string[]> {
  const { stdout } = await execa("tar", ["-tzf", tarball]);
  return stdout
    .split("\n")
    .map((path) => path.replace(/^package\//, ""))
    .toSorted();
}

/** `npx lifeboat` in `cwd` with the Node at `node`: `--no` keeps npx from fetching what is not installed. */
async function npx(node: string, cwd: string, args: readonly string[]): Promise<string> {
  const env = { ...OUTSIDE, PATH: `${dirname(node)}${delimiter}${OUTSIDE["PATH"]}`, XDG_RUNTIME_DIR: cwd };
  const { stdout } = await execa("npx", ["--no", "--", "lifeboat", ...args], { cwd, env, extendEnv: false });
  return stdout;
}

const NODES: readonly (readonly [string, () => Promise<string>])[] = [
  [`Node ${process.versions.node}`, async () => process.execPath],
  [
    `Node ${OLDEST_NODE}, the oldest that the package names`,
    async () => {
      const oldest = await newPackage("oldest-node");
      await npmInstall(oldest, `node@${OLDEST_NODE}`);
      return join(oldest, "node_modules/node/bin/node");
    },
  ],
];

export function installTests({ all }: { readonly all: boolean }): void {
  beforeAll(async () => {
    folder = await temporaryFolder();
    const out = join(folder.path, "packages");
    await execa("npm", ["run", "-s", "pack:tools", "--", "--platform", PLATFORM, "--out", out, ...(all ? ["--etcd"] : [])], {
      cwd: ROOT,
      env: OUTSIDE,
      extendEnv: false,
    });
    const { version } = packageJson;
    const ofPlatform = (kind: string): string => join(out, `etcd-lifeboat-${kind}-${PLATFORM}-${version}.tgz`);
    tarballs = { main: join(out, `etcd-lifeboat-${version}.tgz`), tools: ofPlatform("tools"), etcd: ofPlatform("etcd") };
    place = await newPackage("place");
    if (all) {
      await npmInstall(place, "--omit=optional", tarballs.main);
      alone = await doctorAlone();
    }
    await npmInstall(place, tarballs.tools, tarballs.main);
    cluster = await startCluster({ version: "3.6", members: 3, security: "tls" });
    filled = await fillWithKubernetesData(cluster.connection, { megabytes: 2 });
  }, 400_000);
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  describe("the package", () => {
    test("holds what a user needs and nothing else", async () => {
      const files = await filesIn(tarballs.main);
      const docs = (await readdir(join(ROOT, "docs"), { recursive: true }))
        .filter((name) => /^(commands\/)?[^/]+\.md$/.test(name))
        .map((name) => join("docs", name));
      expect(docs).toEqual(expect.arrayContaining(["docs/cli.md", "docs/format.md", "docs/runbook.md"]));
      const rest = ["CHANGELOG.md", "LICENSE", "README.md", "dist/package.json", "package.json"];
      const bundles = files.filter((path) => path.startsWith(`dist/${BUNDLES}/`));
      for (const name of ["backup", "verify", "task"])
        for (const path of ["index.mjs", "THIRD-PARTY-LICENSES.txt", ...NATIVE])
          expect(bundles).toContain(`dist/${BUNDLES}/${name}/${path}`);
      // The command is main.js with its parts, the thread of `lifeboat status`, and the licences of what is in them.
      const command = files.filter((path) => path.startsWith("dist/cli/"));
      expect(command).toEqual(
        expect.arrayContaining(["main.js", "digest-worker.js", "THIRD-PARTY-LICENSES.txt"].map((name) => `dist/cli/${name}`)),
      );
      expect(command.filter((path) => !/^dist\/cli\/(?:[\w-]+\.js|package\.json|THIRD-PARTY-LICENSES\.txt)$/.test(path))).toEqual([]);
      // The constructs are modules with types, and so is what they take of shared/; each is of a source that is there.
      const modules = files.filter((path) => /^dist\/(?:infra|shared)\//.test(path));
      const infra = (await readdir(join(ROOT, "infra"), { recursive: true })).filter((path) => path.endsWith(".ts"));
      for (const path of infra)
        for (const suffix of [".js", ".d.ts"]) expect(modules).toContain(join("dist/infra", path.replace(/\.ts$/, suffix)));
      for (const path of modules) await access(join(ROOT, path.replace(/^dist\//, "").replace(/(?:\.d\.ts|\.js)$/, ".ts")));
      // What goes into bundles for nodes.
      const library = (await readdir(join(ROOT, "node/lib"))).map((name) => `node/lib/${name}`);
      const gate = (await readdir(join(ROOT, "node/gate"))).map((name) => `node/gate/${name}`);
      const known = new Set([...bundles, ...command, ...modules]);
      expect(files.filter((path) => !known.has(path))).toEqual(
        [...docs, ...rest, "node/collect.sh", "node/restore.sh", "node/member.sh", ...library, ...gate].toSorted(),
      );
    });

    test("is what npm pack packs in a checkout", async () => {
      const { stdout } = await execa("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
        cwd: ROOT,
        env: OUTSIDE,
        extendEnv: false,
      });
      const schema = z.array(z.object({ files: z.array(z.object({ path: z.string() })) }));
      const [packed] = schema.parse(Object.values(z.looseObject({}).or(z.array(z.unknown())).parse(JSON.parse(stdout))));
      expect(packed?.files.map(({ path }) => path).toSorted()).toEqual(await filesIn(tarballs.main));
    });

    test("asks a registry for no name that is not ours, and for nothing that only a checkout needs", async () => {
      const manifest: unknown = JSON.parse(await readFile(join(place, "node_modules/etcd-lifeboat/package.json"), "utf8"));
      expect(manifest).toMatchObject({
        private: true,
        dependencies: packageJson.dependencies,
        engines: packageJson.engines,
        license: "Apache-2.0",
      });
      for (const field of ["optionalDependencies", "scripts", "devDependencies"]) expect(manifest).not.toHaveProperty(field);
      expect(JSON.stringify(manifest)).not.toContain("@etcd-lifeboat/");
    });

    test("tells nothing of the machine that made it", async () => {
      const { exitCode, stdout } = await execa(
        "grep",
        ["-rlF", "-e", ROOT, "-e", "sourceMappingURL", join(place, "node_modules/etcd-lifeboat")],
        {
          reject: false,
        },
      );
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    });
  });

  describe("the constructs", () => {
    test("make the templates and the functions' code in an app of somebody's own, which is no checkout", async () => {
      const app = join(folder.path, "infra-app");
      await cp(join(ROOT, "examples/infra-app"), app, { recursive: true });
      await mkdir(join(app, "node_modules"));
      for (const [name, from] of [
        ["etcd-lifeboat", place],
        ["aws-cdk-lib", ROOT],
        ["constructs", ROOT],
      ] as const) {
        await symlink(join(from, "node_modules", name), join(app, "node_modules", name));
        // Where npm would have put what the package asks for.
        if (from === ROOT) await symlink(join(ROOT, "node_modules", name), join(place, "node_modules", name));
      }
      const out = join(app, "cdk.out");
      // Without CDK's own validation, which takes 5 s and which npm run synth has.
      const env = { ...OUTSIDE, CDK_OUTDIR: out, CDK_VALIDATION: "false" };
      await execa(process.execPath, ["app.mjs"], { cwd: app, env, extendEnv: false });
      const template = await readFile(join(out, "platform.template.json"), "utf8");
      expect(JSON.parse(template)).toMatchObject({ Outputs: { Exportbackupofstaging: { Export: { Name: "backup-of-staging" } } } });
      expect(template).toContain("cron(15 0,6,12,18 * * ? *)");
      expect(await readFile(join(out, "etcd-vault.template.json"), "utf8")).toContain("example-platform-etcd");
      const assets = (await readdir(out)).filter((name) => name.startsWith("asset."));
      // The functions that back up, verify, check and keep.
      expect(assets).toHaveLength(4);
      for (const asset of assets) {
        const code = await readdir(join(out, asset));
        expect(code).toEqual(expect.arrayContaining(["index.mjs", "lifeboat.yaml", "node_modules"]));
      }
    });
  });

  describe("the package of programs", () => {
    const name = `node_modules/@etcd-lifeboat/tools-${PLATFORM}`;

    test("holds static programs, their digests and licences", async () => {
      const programs = [
        "age",
        "age-keygen",
        "kube-decode",
        "unzstd",
        ...["3.5", "3.6", "3.7"].flatMap((minor) => [`etcd-${minor}/etcdctl`, `etcd-${minor}/etcdutl`]),
      ];
      const rest = ["LICENSE", "README.md", "SHA256SUMS", "THIRD-PARTY-LICENSES.txt", "package.json"];
      expect(await filesIn(tarballs.tools)).toEqual([...programs.map((each) => `bin/${each}`), ...rest].toSorted());
      const sums = await readFile(join(place, name, "SHA256SUMS"), "utf8");
      for (const each of programs) {
        const file = join(place, name, "bin", each);
        expect((await stat(file)).mode & 0o111).toBe(0o111);
        expect(sums).toContain(
          `${createHash("sha256")
            .update(await readFile(file))
            .digest("hex")}  bin/${each}\n`,
        );
        // A program that asks for a dynamic linker names it in its ELF header's segments.
        expect((await readFile(file)).includes("/lib64/ld-linux")).toBe(false);
      }
      const licences = await readFile(join(place, name, "THIRD-PARTY-LICENSES.txt"), "utf8");
      for (const module of [
        "etcd-lifeboat",
        "filippo.io/age v1",
        "github.com/klauspost/compress v1",
        "go.etcd.io/etcd/etcdutl/v3 v3.5.",
        "k8s.io/client-go v0.",
        "go.etcd.io/bbolt v1",
        "the Go standard library",
      ])
        expect(licences).toContain(`\n${module}`);
    });

    test("is where doctor finds them", async () => {
      const doctor: unknown = JSON.parse(await npx(process.execPath, place, ["doctor", "--tools", "--json"]));
      const { tools, findings } = z
        .object({ tools: z.array(z.object({ found: z.object({ path: z.string(), origin: z.string() }) })), findings: z.array(z.unknown()) })
        .parse(doctor);
      expect(findings).toEqual([]);
      expect(tools).toHaveLength(10);
      for (const { found } of tools) {
        expect(found.origin).toBe("package");
        expect(found.path.startsWith(join(place, name, "bin/"))).toBe(true);
      }
    });
  });

  if (all)
    test("restores are rehearsed where etcd's servers are installed; where they are not, the error says which is to be had where", async () => {
      const work = join(place, "work-drill");
      await mkdir(work);
      for (const line of [initArguments(cluster), ["backup", "prod"], ["verify", "prod/latest", "--deep"]])
        await npx(process.execPath, work, line);
      const env = { ...OUTSIDE, XDG_RUNTIME_DIR: work };
      const main = join(place, "node_modules/.bin/lifeboat");
      const drill = () =>
        execa(process.execPath, [main, "drill", "prod", "--work", work], { cwd: work, env, extendEnv: false, reject: false });
      const without = await drill();
      expect(without.exitCode).toBe(2);
      expect(without.stderr).toContain("etcd 3.6, which a drill runs on what it restored, was not found");
      const { version } = z
        .object({ manifest: z.object({ etcd: z.object({ source: z.object({ version: z.string() }) }) }) })
        .parse(JSON.parse(await npx(process.execPath, work, ["show", "prod/latest", "--json"]))).manifest.etcd.source;
      expect(without.stderr).toContain(
        `install the package @etcd-lifeboat/etcd-${PLATFORM} of this release beside etcd-lifeboat; or take etcd from https://github.com/etcd-io/etcd/releases/tag/v${version}, check it against SHA256SUMS there`,
      );
      await npmInstall(place, tarballs.etcd);
      const files = ["LICENSE", "README.md", "SHA256SUMS", "THIRD-PARTY-LICENSES.txt", "package.json"];
      const servers = ["3.5", "3.6", "3.7"].map((minor) => `bin/etcd-${minor}/etcd`);
      expect(await filesIn(tarballs.etcd)).toEqual([...files, ...servers].toSorted());
      const { exitCode, stdout, stderr } = await drill();
      expect(`${exitCode}: ${stderr}`).toMatch(/^0: /);
      expect(stdout).toContain(version);
    }, 240_000);

  if (all)
    test("on an older Node the command says so in one line, and what to do", async () => {
      const old = await newPackage("old-node");
      await npmInstall(old, `node@${OLD_NODE}`);
      const node = join(old, "node_modules/node/bin/node");
      const main = join(place, "node_modules/.bin/lifeboat");
      const message = `Node.js 22.15 or later is needed; this is ${OLD_NODE}`;
      for (const line of [["--version"], ["backup", "prod", "--json"]]) {
        const { exitCode, stdout, stderr } = await execa(node, [main, ...line], {
          cwd: old,
          env: OUTSIDE,
          extendEnv: false,
          reject: false,
        });
        expect({ exitCode, stderr }).toEqual({
          exitCode: 2,
          stderr: `lifeboat: ${message}\nlifeboat: hint: install a newer one from nodejs.org or by your package manager, and let it come first on PATH`,
        });
        if (line.includes("--json")) expect(JSON.parse(stdout)).toMatchObject({ error: { code: "usage", message, exitCode: 2 } });
        else expect(stdout).toBe("");
      }
    }, 120_000);

  describe.each(all ? NODES : NODES.slice(0, 1))("npx lifeboat on %s", (name, findNode) => {
    test("backs up, verifies and exports, and what comes back is what was there", async () => {
      // Under the name `node`, alone in a folder: npx takes the first on PATH.
      const bin = join(folder.path, `bin-${name.replaceAll(/\W/g, "-")}`);
      await mkdir(bin);
      const node = join(bin, "node");
      await symlink(await findNode(), node);
      expect((await execa(node, ["--version"])).stdout).toBe(`v${/\d+\.\d+\.\d+/.exec(name)?.[0]}`);

      const work = join(place, `work-${name.replaceAll(/\W/g, "-")}`);
      await mkdir(work);
      await npx(node, work, initArguments(cluster));
      expect(JSON.parse(await npx(node, work, ["backup", "prod", "--json"]))).toMatchObject({ existing: false, cluster: "prod" });
      expect(JSON.parse(await npx(node, work, ["verify", "prod/latest", "--deep", "--json"]))).toMatchObject({ good: true, level: "deep" });
      await npx(node, work, ["export", "prod/latest", "--out", "snapshot.db"]);
      expect(await npx(node, work, ["--help"])).toContain("completion <shell>");

      await using restored = await startFrom(await restore("3.6", join(work, "snapshot.db"), work));
      const at = { revision: filled.revision };
      expect(await compareKeys(readAll(cluster.connection, at), readAll(restored.connection, at))).toEqual({
        same: filled.keys,
        differences: [],
      });
    }, 300_000);
  });

  describe("the units of examples/systemd, as three users who share a group and the folder of the store", () => {
    const GID = 64_000;
    const WRITER = { uid: 64_001, gid: GID };
    const VERIFIER = { uid: 64_002, gid: GID };
    const KEEPER = { uid: 64_003, gid: GID };

    test.skipIf(skipWithout("root", process.getuid?.() === 0))(
      "back up, verify, order and prune; the writer opens nothing, and only the keeper removes",
      async () => {
        // What npm installed is for everybody to run, as below /usr.
        await chmod(folder.path, 0o755);
        const root = join(folder.path, "machine");
        const bin = join(root, "usr/bin");
        const etc = join(root, "etc/lifeboat");
        const vault = join(root, "var/lib/lifeboat/vault");
        for (const path of [bin, etc, vault]) await mkdir(path, { recursive: true });
        await copyFile(process.execPath, join(bin, "node"));
        await writeFile(join(bin, "lifeboat"), `#!/bin/sh\nexec ${bin}/node ${place}/node_modules/etcd-lifeboat/dist/cli/main.js "$@"\n`, {
          mode: 0o755,
        });
        await chmod(etc, 0o700);
        // As lifeboat.tmpfiles.conf makes it.
        await chown(vault, 0, GID);
        await chmod(vault, 0o3770);

        const made = join(folder.path, "made");
        await mkdir(made, { mode: 0o700 });
        const { stderr } = await execa(join(bin, "lifeboat"), initArguments(cluster), { cwd: made });
        expect(stderr).toBe("");
        const { ca = "", cert = "", key = "" } = cluster.files;
        for (const [from, to] of [
          [ca, "ca.pem"],
          [cert, "client.pem"],
          [key, "client-key.pem"],
        ] as const)
          await copyFile(from, join(etc, to));
        for (const name of await readdir(join(made, "keys"))) await copyFile(join(made, "keys", name), join(etc, name));
        const config = (await readFile(join(made, "lifeboat.yaml"), "utf8"))
          .replace(/path: .*vault/, `path: ${vault}`)
          .replace(/path: .*keys/, "path: .")
          .replace(/ca: file:.*/, "ca: file:ca.pem")
          .replace(/cert: file:.*/, "cert: file:client.pem")
          .replace(/ key: file:.*/, " key: file:client-key.pem")
          .replace(
            /^( {4})retention:\n(?: {6}.*\n)+/m,
            "$1retention: { latest: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0, minAge: 1s }\n",
          );
        await writeFile(join(etc, "lifeboat.yaml"), config);

        const attempt = async (
          user: UserIds,
          unit: string,
          command: readonly string[],
        ): Promise<{ code: number | undefined; stdout: string; stderr: string }> => {
          const { UMask: [umask] = [], AmbientCapabilities = [] } = await readUnit(unit);
          const shell = ["-c", `umask ${umask}; exec "$@"`, "sh", ...command];
          const env = { PATH: `${bin}:/usr/bin:/bin` };
          const added = AmbientCapabilities.map((name) => `+${name.replace("CAP_", "").toLowerCase()}`).join(",");
          const capabilities = added === "" ? [] : ["--inh-caps", added, "--ambient-caps", added];
          // Numbers without a name, as a container's often are. Nothing of this process's groups goes along.
          const ids = ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups", ...capabilities, "--", "/bin/sh"];
          const {
            exitCode,
            stdout,
            stderr: told,
          } = await execa("setpriv", [...ids, ...shell], { cwd: "/", env, extendEnv: false, reject: false });
          return { code: exitCode, stdout, stderr: told };
        };
        const as = (user: UserIds, unit: string) => ({
          root,
          user,
          run: async (command: readonly string[]): Promise<string> => {
            const { code, stdout, stderr: told } = await attempt(user, unit, command);
            expect(`${code}: ${told}`).toMatch(/^0: /);
            return stdout;
          },
        });
        const [backup, verify, order, prune] = ["backup", "verify", "order", "prune"].map((name) => `lifeboat-${name}@.service`) as [
          string,
          string,
          string,
          string,
        ];
        expect(await startUnit(backup, as(WRITER, backup))).toMatch(/^proof: +proven: /m);
        expect(await startUnit(verify, as(VERIFIER, verify))).toContain("countersigned: clusters/prod/verified/");
        // Each adds to the folders that the other made.
        expect(await startUnit(backup, as(WRITER, backup))).toMatch(/^proof: +proven: /m);
        expect(await startUnit(verify, as(VERIFIER, verify))).toContain("countersigned: clusters/prod/verified/");

        const { stdout: modes } = await execa("find", [vault, "-type", "f", "-printf", "%m %g\n"]);
        expect(new Set(modes.split("\n"))).toEqual(new Set([`640 ${GID}`]));

        // The writer has neither the keys of the verifier, where root keeps them and where the verifier's unit has them, nor what opens a snapshot.
        const verifiers = join(root, "run/lifeboat-verify-prod");
        for (const path of [etc, join(root, "credentials", verify), verifiers].flatMap((each) =>
          ["audit.key", "wrapping.key"].map((name) => join(each, name)),
        ))
          expect(await attempt(WRITER, backup, ["cat", path])).toMatchObject({ code: 1, stdout: "", stderr: saying("Permission denied") });
        const own = join(root, "run/lifeboat-backup-prod/lifeboat.yaml");
        const out = join(root, "run/lifeboat-backup-prod/out.db");
        for (const [config2, message] of [
          [own, "wrapping.key not found"],
          [join(verifiers, "lifeboat.yaml"), "EACCES"],
        ] as const)
          expect(await attempt(WRITER, backup, ["lifeboat", "--config", config2, "export", "prod/latest", "--out", out])).toMatchObject({
            stdout: "",
            stderr: saying(message),
          });
        // Nor does it remove or replace a countersignature.
        const { stdout: found } = await execa("find", [join(vault, "clusters/prod/verified"), "-type", "f"]);
        const [countersignature = ""] = found.split("\n");
        expect(await attempt(WRITER, backup, ["rm", "-f", countersignature])).toMatchObject({
          code: 1,
          stderr: saying("Operation not permitted"),
        });
        expect(await attempt(WRITER, backup, ["sh", "-c", `echo > ${countersignature}`])).toMatchObject({
          stderr: saying("Permission denied"),
        });
        // The keeper has no key, and removes what the others made once it is ordered, and nothing before.
        const dataFiles = (): Promise<readonly string[]> => readdir(join(vault, "clusters/prod/data"));
        expect(await startUnit(prune, as(KEEPER, prune))).toContain("there is no order to follow for prod");
        expect(await dataFiles()).toHaveLength(2);
        expect(await startUnit(order, as(VERIFIER, order))).toMatch(/^ordered: 3 objects, /m);
        expect(await startUnit(prune, as(KEEPER, prune))).toMatch(/^removed 3 objects of 1 snapshot, /m);
        expect(await dataFiles()).toHaveLength(1);
        expect(await attempt(KEEPER, prune, ["cat", join(etc, "audit.key")])).toMatchObject({
          code: 1,
          stderr: saying("Permission denied"),
        });
        // And somebody else on the machine reads nothing at all.
        expect(await attempt({ uid: 64_004, gid: 64_004 }, backup, ["ls", vault])).toMatchObject({
          code: 2,
          stderr: saying("Permission denied"),
        });
      },
      300_000,
    );
  });

  if (all)
    test("without the package of programs it is whole, and doctor says what is missing", () => {
      expect(alone).toMatchObject({ exitCode: 0, stdout: saying("info: etcdutl 3.6: not found; only lifeboat bundle needs it") });
    });
}
