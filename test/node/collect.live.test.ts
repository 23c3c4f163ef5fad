import { createServer } from "node:http";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNodeFileSet } from "../../shared/node-files/read-set.ts";
import type { NodeFileSet } from "../../shared/node-files/read-set.ts";
import { decryptSmall, newIdentity } from "../../shared/seal/age.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { fitting, saying } from "../support/matchers.ts";
import { needs } from "../support/programs.ts";

/** collect.sh with real tar and real age, over a control plane's files in a folder; what comes out is read as lifeboat reads it. */

const SCRIPT = fileURLToPath(new URL("../../node/collect.sh", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("../../tools/bin", import.meta.url));

let folder: TemporaryFolder;
let keys: { readonly identity: string; readonly recipient: string };
let root: string;

const FILES: Readonly<Record<string, string>> = {
  "/etc/kubernetes/pki/ca.crt": "ca\n",
  "/etc/kubernetes/pki/ca.key": "the secret of the cluster\n",
  "/etc/kubernetes/admin.conf": "admin\n",
  "/etc/kubernetes/manifests/kube-apiserver.yaml":
    '    - --encryption-provider-config=/etc/enc/enc.yaml\n    - "--audit-policy-file=/etc/audit/policy.yaml"\n    - --audit-log-path=/var/log/audit.log\n',
  "/etc/kubernetes/manifests/etcd.yaml": "    - --cert-file=/etc/ssl/etcd/server.crt\n    - --data-dir=/var/lib/etcd\n",
  "/etc/kubernetes/tmp/kubeadm-backup-etcd/db": "a copy of etcd\n",
  "/etc/enc/enc.yaml": "kind: EncryptionConfiguration\n",
  "/etc/audit/policy.yaml": "policy\n",
  "/var/log/audit.log": "a log\n",
  "/etc/ssl/etcd/server.crt": "server\n",
  "/etc/systemd/system/etcd.service":
    "[Service]\nEnvironmentFile=-/etc/etcd/env\nExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.yml\n",
  "/etc/etcd/env": 'ETCD_KEY_FILE="/etc/etcd/own.key"\n',
  "/etc/etcd/own.key": "own\n",
  "/etc/etcd/etcd.yml": "client-transport-security:\n  trusted-ca-file: /etc/etcd/ca.pem\n",
  "/etc/etcd/ca.pem": "pem\n",
  "/srv/starvault/unseal/1": "token\n",
  "/paths": "# further ones\n/srv/starvault\n",
};
const TAKEN = Object.keys(FILES).filter((path) => !/^\/(var|paths)|\/tmp\//.test(path));

beforeAll(async () => {
  [folder, keys] = [await temporaryFolder(), await newIdentity()];
  root = folder.path;
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  await chmod(join(root, "/etc/kubernetes/pki/ca.key"), 0o4600);
  await symlink("ca.crt", join(root, "/etc/kubernetes/pki/link.crt"));
});
afterAll(() => folder.remove());

interface Ran {
  readonly code: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function collect(args: readonly string[], { input = "", path = "" } = {}): Promise<Ran> {
  const PATH = `${path === "" ? "" : `${path}:`}${PROGRAMS}:${process.env["PATH"] ?? ""}`;
  const all = ["--cluster", "prod", "--node", "node-a", "--recipient", keys.recipient, "--root", root, ...args];
  const { exitCode, stdout, stderr } = await execa("bash", [SCRIPT, ...all], {
    env: { PATH, TMPDIR: join(root) },
    input,
    reject: false,
    encoding: "buffer",
  });
  return { code: exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr).toString() };
}

async function read(sealed: Uint8Array): Promise<NodeFileSet & { readonly contents: ReadonlyMap<string, string> }> {
  const contents = new Map<string, string>();
  const plain = await decryptSmall([keys.identity], sealed);
  // oxlint-disable-next-line require-await -- an async iterable of one
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    yield plain;
  }
  const set = await readNodeFileSet(chunks(), {
    what: "the set",
    expected: { cluster: "prod", node: "node-a" },
    wants: () => true,
    take: ({ path }, content) => void contents.set(path, Buffer.from(content).toString()),
  });
  return { ...set, contents };
}

/** Of every process, as anybody sees them. */
async function commandLines(): Promise<readonly string[]> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return Promise.all(processes.map((name) => readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")));
}

describe.skipIf(needs("age", "curl"))("collect.sh", () => {
  test("takes what configures the control plane and what that names, to standard output, and leaves nothing on the disk", async () => {
    const before = await readdir(root);
    const { code, stdout, stderr } = await collect(["--paths", join(root, "paths")]);
    expect([code, stderr]).toEqual([0, saying("of prod/node-a at ")]);
    const { contents, files, collectedAt } = await read(stdout);
    expect([...contents.keys()].toSorted()).toEqual([...TAKEN, "/etc/kubernetes/pki/link.crt"].toSorted());
    for (const path of TAKEN) expect(contents.get(path)).toBe(FILES[path]);
    expect(contents.get("/etc/kubernetes/pki/link.crt")).toBe("ca\n");
    // What setuid would be refused for is taken off.
    expect(files.find(({ path }) => path.endsWith("ca.key"))?.mode).toBe(0o600);
    expect(Math.abs(Date.now() - collectedAt.getTime())).toBeLessThan(600_000);
    for (const path of contents.keys()) expect(stderr).toContain(path);
    expect(stderr).not.toContain("the secret");
    expect(await readdir(root)).toEqual(before);
  });

  test("writes a file that is whole, or one called by its time in a folder, and takes the recipient from a file", async () => {
    await mkdir(join(root, "out"));
    await writeFile(join(root, "recipient"), `# of prod\n${keys.recipient}\n`);
    const again = ["--recipient", join(root, "recipient"), "--quiet"];
    for (const out of [join(root, "out/one.age"), join(root, "out")])
      expect(await collect([...again, "--out", out])).toMatchObject({ code: 0, stderr: "" });
    const names = (await readdir(join(root, "out"))).toSorted();
    expect(names).toEqual([fitting(/^\d{8}T\d{6}Z\.age$/), "one.age"]);
    for (const name of names) {
      expect((await stat(join(root, "out", name))).mode & 0o777).toBe(0o600);
      await read(await readFile(join(root, "out", name)));
    }
  });

  test("puts the set to a URL that no process list shows", async () => {
    const bodies: Buffer[] = [];
    const shown: string[] = [];
    const server = createServer((request, response) => {
      void commandLines().then((lines) => shown.push(...lines));
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => void chunks.push(chunk));
      request.on("end", () => {
        bodies.push(Buffer.concat(chunks));
        response.statusCode = request.method === "PUT" && request.url === "/inbox?signature=hidden" ? 200 : 403;
        response.end();
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    const base = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
    try {
      expect(await collect(["--url-file", "-"], { input: `${base}/inbox?signature=hidden\n` })).toMatchObject({ code: 0 });
      await read(bodies[0] ?? Buffer.alloc(0));
      const refused = await collect(["--url-file", "-"], { input: `${base}/other?signature=hidden\n` });
      expect(refused).toMatchObject({ code: 5, stderr: saying("curl could not put the set") });
      expect(shown.some((line) => line.includes("--url-file"))).toBe(true);
      expect(`${shown.join("\n")}${refused.stderr}`).not.toContain("hidden");
    } finally {
      server.close();
    }
  });

  test("names what is missing or is no file, takes the rest, and ends with 6", async () => {
    await symlink("..", join(root, "/srv/loop"));
    await symlink("nowhere", join(root, "/srv/dangling"));
    await execa("mkfifo", [join(root, "/srv/pipe")]);
    await writeFile(join(root, "more"), "/not/there\n/srv/\n");
    const { code, stdout, stderr } = await collect(["--paths", join(root, "more"), "--quiet"]);
    expect(code).toBe(6);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/^collect.sh: warning: /, "").replaceAll(root, "")),
    ).toEqual([
      "/not/there, which /more lists, is not there",
      "/srv/dangling is a link that leads nowhere: it was left out",
      saying("/srv/loop leads back to a folder that it is in"),
      "/srv/pipe is neither a file nor a folder: it was left out",
    ]);
    expect([...(await read(stdout)).contents.keys()]).toContain("/srv/starvault/unseal/1");
  });

  test("tries again where a file changes or goes while it is read, and then takes it as it was read, with a word", async () => {
    const programs = join(root, "slow");
    await mkdir(programs);
    // As tar ends where a file changed: once, or each time.
    const flaky = (times: number): string =>
      `#!/bin/bash\n/bin/tar "$@"\necho x >>"${programs}/count"\n(($(wc -l <"${programs}/count") > ${times})) || { echo "tar: ./etc/kubernetes/admin.conf: file changed as we read it" >&2; exit 1; }\n`;
    await writeFile(join(programs, "tar"), flaky(1), { mode: 0o755 });
    expect(await collect(["--quiet"], { path: programs })).toMatchObject({ code: 0, stderr: "" });
    await writeFile(join(programs, "tar"), flaky(100), { mode: 0o755 });
    const { code, stdout, stderr } = await collect(["--quiet"], { path: programs });
    expect([code, stderr]).toEqual([6, saying("admin.conf: file changed as we read it; it was taken as it was read")]);
    await read(stdout);
  });

  test.each<[string, readonly string[], string]>([
    ["a recipient that is cut", ["--recipient", "age1abc"], "the recipient is not age1 and 58 characters"],
    ["an identity", ["--recipient", "AGE-SECRET-KEY-1QQQ"], "is no file that can be read"],
    ["a node that is no name", ["--node", "../x"], "is no name of a node"],
    ["a path that leads elsewhere", ["--paths", "PATHS"], "is no absolute path without .."],
    ["an unknown option", ["--lists", "x"], "there is no option --lists"],
    ["an option without a value", ["--out"], "--out needs a value"],
    ["a folder that is not there", ["--out", "/not/there/x.age"], "the folder of --out /not/there/x.age is not there"],
    ["two places", ["--out", "x", "--url-file", "-"], "do not go together"],
  ])("refuses %s, and writes nothing", async (_, args, message) => {
    await writeFile(join(root, "odd"), "/srv/../etc\n");
    const { code, stdout, stderr } = await collect(args.map((each) => (each === "PATHS" ? join(root, "odd") : each)));
    expect([code, stdout.length, stderr]).toEqual([2, 0, saying(message)]);
  });

  test("refuses a file that is larger than any configuration", async () => {
    await writeFile(join(root, "/srv/large"), Buffer.alloc((16 << 20) + 1));
    await writeFile(join(root, "large"), "/srv/large\n");
    const { code, stdout, stderr } = await collect(["--paths", join(root, "large")]);
    expect([code, stdout.length, stderr]).toEqual([2, 0, saying("/srv/large has 16777217 bytes")]);
  });

  test("lists what it would take, and takes nothing", async () => {
    const { code, stdout } = await collect(["--list"]);
    expect(code).toBe(0);
    expect(stdout.toString().split("\n")).toEqual(expect.arrayContaining(["/etc/kubernetes", "/etc/enc/enc.yaml", "/etc/etcd/own.key"]));
  });
});
