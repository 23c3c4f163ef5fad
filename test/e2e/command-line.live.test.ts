import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXIT_CODES } from "../../cli/exit-codes.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { until } from "../../tools/lab/until.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { initArguments, initialise } from "../support/initialise.ts";
import { lifeboatHere, lifeboatJsonHere } from "../support/lifeboat-here.ts";
import { lifeboat, lifeboatJson } from "../support/lifeboat.ts";
import type { LifeboatOptions } from "../support/lifeboat.ts";
import { anyText, saying } from "../support/matchers.ts";
import { RECENT_SLOT, slotBefore } from "../support/recent-slot.ts";

/** The command as a person meets it: a real etcd, wrong input, broken stores; in a process of its own where the process matters. */

const COMMANDS = [
  "init",
  "preflight",
  "backup",
  "ls",
  "check",
  "show",
  "status",
  "verify",
  "copy",
  "export",
  "keys",
  "rewrap",
  "custody",
  "orphans",
  "doctor",
  "invoke",
  "completion",
];

let cluster: EtcdCluster;
let folder: TemporaryFolder;
let options: LifeboatOptions;
/** Two snapshots of prod, older and newer; the newer is verified. */
let ids: readonly [string, string];

beforeAll(async () => {
  cluster = await startCluster({ version: "3.6", security: "tls" });
  folder = await temporaryFolder();
  await fillWithKubernetesData(cluster.connection, { megabytes: 5 });
  options = await initialise(cluster, folder.path);
  const older = await lifeboatJsonHere(["backup", "prod", "--slot", RECENT_SLOT], options);
  const taken = Math.ceil(Date.now() / 1000) * 1000;
  // A manifest that does not hold is known by the second of its id alone.
  await until("the next second has begun", 2000, () => Promise.resolve(Date.now() >= taken));
  const newer = await lifeboatJsonHere(["backup", "prod"], options);
  ids = [idOf(older), idOf(newer)];
  await lifeboatJsonHere(["verify", "prod/latest", "--deep"], options);
});
afterAll(async () => {
  await cluster.stop();
  await folder.remove();
});

function idOf(value: unknown): string {
  if (typeof value === "object" && value !== null && "id" in value && typeof value.id === "string") return value.id;
  throw new Error("no id");
}

/** A copy of the whole set-up, to be broken. */
async function copyOf(name: string): Promise<LifeboatOptions> {
  const cwd = join(folder.path, "copies", name);
  await mkdir(cwd, { recursive: true });
  for (const part of ["lifeboat.yaml", "keys", "vault", "break-glass.key"])
    await cp(join(folder.path, part), join(cwd, part), { recursive: true });
  const config = join(cwd, "lifeboat.yaml");
  const { ca, cert, key } = cluster.files;
  const text = await readFile(config, "utf8");
  await writeFile(
    config,
    text
      .replace(/ca: .*/, `ca: file:${ca}`)
      .replace(/cert: .*/, `cert: file:${cert}`)
      .replace(/ key: file.*/, ` key: file:${key}`),
  );
  return { ...options, cwd };
}

/** Changes one byte of a file. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function dataFile(cwd: string, id: string): Promise<string> {
  const data = join(cwd, "vault/clusters/prod/data");
  const name = (await readdir(data)).find((each) => each.startsWith(`${id}-`));
  if (name === undefined) throw new Error(`no data of ${id}`);
  return join(data, name);
}

describe("help", () => {
  test("every command has one, with an example, within 80 columns and without colours", async () => {
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await lifeboatHere([command, "--help"], options);
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
      expect(stdout).toContain(`$ lifeboat ${command}`);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).not.toContain("\u001B");
    }
  });

  test("help COMMAND is COMMAND --help, and help alone is --help", async () => {
    for (const [line, same] of [
      [
        ["help", "backup"],
        ["backup", "--help"],
      ],
      [
        ["--json", "help", "ls"],
        ["ls", "--help"],
      ],
      [["help"], ["--help"]],
    ] as const)
      expect(await lifeboatHere(line, options)).toEqual(await lifeboatHere(same, options));
  });

  test("the exit codes in the help and in docs/cli.md are the code's", async () => {
    const { stdout } = await lifeboatHere(["--help"], options);
    const docs = await readFile(new URL("../../docs/cli.md", import.meta.url), "utf8");
    for (const [code, meaning] of Object.entries(EXIT_CODES)) {
      expect(stdout).toContain(`${code.padStart(5)}  ${meaning}`);
      expect(docs).toContain(`| ${code} | ${meaning} |`);
    }
    for (const command of COMMANDS) {
      expect(stdout).toContain(`  ${command}`);
      expect(docs).toContain(`## lifeboat ${command}\n`);
    }
  });
});

describe("wrong input is told in one line with the next step, and exit code 2", () => {
  test.each<readonly [string, readonly string[], RegExp]>([
    ["no command", [], /no command given/],
    ["an unknown command", ["bakcup", "prod"], /unknown command 'bakcup'.*Did you mean backup/],
    ["an unknown flag", ["ls", "--jsno"], /unknown option '--jsno'.*Did you mean --json/],
    ["no cluster", ["backup"], /missing required argument 'cluster'/],
    ["a cluster that is not configured", ["backup", "prdo"], /lifeboat\.yaml has no cluster prdo\n.*did you mean prod\?/],
    ["preflight of one", ["preflight", "other"], /has no cluster other/],
    ["a slot that is no time", ["backup", "prod", "--slot", "noon"], /--slot "noon" is not a UTC time/],
    ["a slot in the future", ["backup", "prod", "--slot", "2999-01-01"], /in the future/],
    [
      "a slot of long ago",
      ["backup", "prod", "--slot", "2026-01-02"],
      /is older than a day, and was not backed up then[^]*hint: back up without a slot/,
    ],
    ["a ref that is none", ["show", "prod"], /"prod" is not a ref\n.*CLUSTER\/latest/],
    ["a ref to nothing", ["show", "prod/20200101T000000Z"], /snapshot prod\/20200101T000000Z not found/],
    ["a time before everything", ["verify", "prod@2001-01-01"], /no snapshot of prod taken at or before 2001/],
    ["a time that is none", ["verify", "prod@noon"], /"noon" in "prod@noon" is not a UTC time/],
    [
      "export of what is not good",
      ["export", "prod@2026-01-03", "--out", "x.db"],
      /there is no good snapshot of prod taken at or before 2026-01-03/,
    ],
    ["unverified without an id", ["export", "prod/good", "--unverified", "--out", "x.db"], /prod\/good names none\n.*lifeboat ls prod/],
    ["a cluster without snapshots", ["verify", "other/latest"], /no snapshot of other/],
    ["a cluster's name that is none", ["ls", "A B"], /"A B" is not a cluster's name/],
    ...(["ls", "custody", "orphans", "rewrap"] as const).map((command): [string, string[], RegExp] => [
      `${command} of a cluster that is nowhere`,
      [command, "prd"],
      /cluster prd not found: neither in lifeboat\.yaml nor in .*\n.*did you mean prod\?/,
    ]),
    ["ls of one that is like no other", ["ls", "staging"], /cluster staging not found: .*\n.*there are prod/],
    ["a ref to a cluster that is nowhere", ["show", "prd/latest"], /no snapshot of prd in .*\n.*did you mean prod\?/],
    ["help of an unknown command", ["help", "bakcup"], /unknown command 'bakcup'.*Did you mean backup/],
    [
      "an identity file that is not there",
      ["export", "prod/latest", "--out", "new", "--identity", "no.key"],
      /identity file no\.key not found/,
    ],
    [
      "an identity file that is a folder",
      ["export", "prod/latest", "--out", "new", "--identity", "keys"],
      /cannot read the identity file keys: EISDIR/,
    ],
    [
      "an identity file that is another",
      ["export", "prod/latest", "--out", "new", "--identity", "lifeboat.yaml"],
      /lifeboat\.yaml: line \d+ of the identity file is not an age identity/,
    ],
    ["export without a file", ["export", "prod/latest"], /required option '--out <file>' not specified/],
    [
      "export over a file",
      ["export", "prod/latest", "--out", "lifeboat.yaml"],
      /lifeboat\.yaml is already there, and nothing is overwritten/,
    ],
    ["export into a folder that is not there", ["export", "prod/latest", "--out", "no/where.db"], /cannot write .*no\/where\.db/],
    ["a configuration that is not there", ["ls", "--config", "no.yaml"], /configuration no\.yaml not found\n.*lifeboat init/],
    ["init over what is there", ["init"], /is already there/],
    ["init: endpoint without cluster", ["init", "--dir", "new", "--endpoint", "https://a:1"], /--endpoint needs --cluster/],
    ["init: cluster without endpoint", ["init", "--dir", "new", "--cluster", "a"], /--cluster needs --endpoint/],
    ["init: endpoint that is none", ["init", "--dir", "new", "--cluster", "a", "--endpoint", "a:1"], /"a:1" is not an endpoint/],
    [
      "init: a cluster's name that is none",
      ["init", "--dir", "new", "--cluster", "A", "--endpoint", "https://a:1"],
      /a cluster's name has lower-case letters/,
    ],
    [
      "init: cert without key",
      ["init", "--dir", "new", "--cluster", "a", "--endpoint", "https://a:1", "--cert", "x"],
      /--cert and --key go together/,
    ],
    [
      "init: a CA that is not there",
      ["init", "--dir", "new", "--cluster", "a", "--endpoint", "https://a:1", "--cacert", "no.pem"],
      /no\.pem cannot be read/,
    ],
    [
      "init: a password as an argument",
      ["init", "--dir", "new", "--cluster", "a", "--endpoint", "https://a:1", "--user", "root:pw"],
      /--user takes a name only/,
    ],
  ])("%s", async (_name, args, message) => {
    const { code, stdout, stderr } = await lifeboatHere(args, options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).toContain("lifeboat: hint: ");
    expect(stderr).not.toContain(" at file:");
    expect(await readdir(folder.path)).not.toContain("new");
  });

  test("with --json the same is one document on standard output", async () => {
    const { code, stdout } = await lifeboat(["--json", "show", "prod"], options);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: "usage", message: '"prod" is not a ref', hint: saying("CLUSTER/latest"), exitCode: 2 },
    });
  });
});

describe("a cluster that is in one place only is known", () => {
  test("in the configuration: it has no snapshots yet", async () => {
    const copy = await copyOf("configured-only");
    await rm(join(copy.cwd, "vault/clusters"), { recursive: true });
    for (const command of ["ls", "custody", "orphans", "rewrap"])
      expect(await lifeboatHere([command, "prod"], copy)).toMatchObject({ code: 0 });
    // That its log holds must not be said of a cluster whose every object was removed.
    const verified = await lifeboatHere(["custody", "prod", "--verify"], copy);
    expect(verified).toMatchObject({ code: 2, stdout: "", stderr: saying("nothing of prod found in ") });
  });

  test("in the store: what was taken of it is listed", async () => {
    const copy = await copyOf("stored-only");
    const config = join(copy.cwd, "lifeboat.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace(/^clusters:\n {2}prod:/m, "clusters:\n  other:"));
    for (const command of ["ls", "custody", "orphans", "rewrap"])
      expect(await lifeboatHere([command, "prod"], copy)).toMatchObject({ code: 0 });
    const { code, stderr } = await lifeboatHere(["ls", "prd"], copy);
    expect({ code, stderr }).toEqual({ code: 2, stderr: saying("did you mean prod?") });
  });
});

test("--config and --json stand anywhere in the line", async () => {
  const elsewhere = { ...options, cwd: "/" };
  const config = join(folder.path, "lifeboat.yaml");
  const lines = [
    ["--config", config, "--json", "ls", "prod"],
    ["ls", "--json", "prod", "--config", config],
    ["ls", "prod", `--config=${config}`, "--json"],
  ];
  const documents = await Promise.all(lines.map(async (line) => (await lifeboatHere(line, elsewhere)).stdout));
  expect(JSON.parse(documents[0] ?? "")).toMatchObject({ snapshots: [{ id: ids[0] }, { id: ids[1] }] });
  expect(new Set(documents).size).toBe(1);
});

test("npm run lifeboat takes paths relative to where the person stands", async () => {
  const root = new URL("../../", import.meta.url).pathname;
  const { stdout } = await execa("npm", ["--prefix", root, "run", "-s", "lifeboat", "--", "ls", "--json"], { cwd: folder.path });
  expect(JSON.parse(stdout)).toMatchObject({ snapshots: [{ id: ids[0] }, { id: ids[1] }] });
});

describe("backup --all", () => {
  test("backs up every cluster, also after one that failed, and ends with the worst exit code", async () => {
    const copy = await copyOf("all");
    const config = join(copy.cwd, "lifeboat.yaml");
    const text = await readFile(config, "utf8");
    const [prod = ""] = /^ {2}prod:\n(?: {4}.*\n| *\n)+/m.exec(text) ?? [];
    const down = prod.replace("  prod:", "  down:").replace(/- https:\S+/, "- https://127.0.0.1:1");
    await writeFile(config, text.replace(prod, `${down}${prod}${prod.replace("  prod:", "  twin:")}`));
    const { id, time } = slotBefore(20);
    const slot = ["--slot", time];
    const { code, stdout, stderr } = await lifeboatHere(["backup", "--all", "--json", ...slot], copy);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^lifeboat: down: .*127\.0\.0\.1:1/m);
    expect(JSON.parse(stdout)).toMatchObject({
      clusters: [
        { cluster: "down", exitCode: 3, backup: null, error: { code: "etcd/unreachable", exitCode: 3 } },
        { cluster: "prod", exitCode: 0, backup: { ref: `prod/${id}`, existing: false }, error: null },
        { cluster: "twin", exitCode: 0, backup: { ref: `twin/${id}` }, error: null },
      ],
    });
    const again = await lifeboatHere(["backup", "--all", ...slot], copy);
    expect(again).toMatchObject({ code: 3, stdout: saying("the slot was backed up before") });
    expect(again.stdout).toMatch(new RegExp(`^snapshot: +prod/${id}$[^]*\\n\\n[^]*^snapshot: +twin/${id}$`, "m"));
  });

  test.each<readonly [readonly string[], RegExp]>([
    [["backup", "prod", "--all"], /a cluster \(prod\) and --all exclude each other/],
    [["backup"], /missing required argument 'cluster'\n.*--all/],
  ])("%j is refused", async (args, message) => {
    expect(await lifeboatHere(args, options)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(message) as string });
  });
});

describe("--quiet", () => {
  test("says nothing where all is well", async () => {
    const copy = await copyOf("quiet");
    for (const args of [
      ["backup", "prod"],
      ["verify", "prod/latest", "--deep"],
      ["export", "prod/latest", "--out", "out.db"],
    ]) {
      const { code, stdout, stderr } = await lifeboat([...args, "--quiet"], copy);
      // A warning stays: on a busy machine a member answers late.
      const told = stderr.split("\n").filter((line) => line !== "" && !line.includes("its status took"));
      expect({ args, code, stdout, told }).toEqual({ args, code: 0, stdout: "", told: [] });
    }
    const { stdout } = await lifeboatHere(["--quiet", "verify", "prod/latest", "--json"], copy);
    expect(JSON.parse(stdout)).toMatchObject({ good: true });
    expect((await lifeboatHere(["ls", "--quiet"], copy)).stdout).toContain(ids[0]);
  });

  test("says what is wrong", async () => {
    const copy = await copyOf("quiet-wrong");
    await rm(await dataFile(copy.cwd, ids[1]));
    const { code, stdout, stderr } = await lifeboatHere(["verify", `prod/${ids[1]}`, "--quiet"], copy);
    expect({ code, stdout, stderr }).toEqual({ code: 4, stdout: "", stderr: saying("is not in ") });
    await writeFile(
      join(copy.cwd, "lifeboat.yaml"),
      (await readFile(join(copy.cwd, "lifeboat.yaml"), "utf8")).replace(/- https:\S+/, "- https://127.0.0.1:1"),
    );
    expect(await lifeboatHere(["backup", "prod", "--quiet"], copy)).toMatchObject({ code: 3, stderr: saying("127.0.0.1:1") });
  });
});

describe("a slot", () => {
  test("is backed up once: a second run returns the first one's snapshot", async () => {
    const again = await lifeboatJsonHere(["backup", "prod", "--slot", RECENT_SLOT], options);
    expect(again).toMatchObject({ id: ids[0], existing: true });
  });

  test("of two at once only one is committed, and both name it", async () => {
    const copy = await copyOf("two-at-once");
    const slot = slotBefore(30);
    const both = await Promise.all([0, 1].map(() => lifeboatJson(["backup", "prod", "--slot", slot.time], copy)));
    expect(both.map((each) => idOf(each))).toEqual([slot.id, slot.id]);
    expect(both).toEqual(
      expect.arrayContaining([expect.objectContaining({ existing: true }), expect.objectContaining({ existing: false })]),
    );
    expect((await readdir(join(copy.cwd, "vault/clusters/prod/data"))).filter((name) => name.startsWith(slot.id))).toHaveLength(1);
  });
});

describe("exit code 4 where content is not what was signed", () => {
  test.each<readonly [string, (cwd: string, id: string) => Promise<void>, RegExp]>([
    ["a flipped bit in the data", async (cwd, id) => flip(await dataFile(cwd, id), 5000), /checksum/],
    ["data that is gone", async (cwd, id) => rm(await dataFile(cwd, id)), /is not in /],
    [
      "data that is cut short",
      async (cwd, id) => writeFile(await dataFile(cwd, id), (await readFile(await dataFile(cwd, id))).subarray(0, -1)),
      /bytes; its manifest says/,
    ],
    [
      "another snapshot's data",
      async (cwd, id) => rename(await dataFile(cwd, ids[0]), await dataFile(cwd, id)),
      /bytes; its manifest says|checksum/,
    ],
    ["a manifest that is no JSON", async (cwd, id) => writeFile(join(cwd, `vault/clusters/prod/snapshots/${id}.json`), "{"), /is not JSON/],
    [
      "a flipped bit in the signed payload",
      async (cwd, id) => flip(join(cwd, `vault/clusters/prod/snapshots/${id}.json`), 2000),
      /signature|not a valid|not JSON|not a signed envelope/,
    ],
  ])("%s", async (name, damage, message) => {
    const copy = await copyOf(name.replaceAll(" ", "-"));
    await damage(copy.cwd, ids[1]);
    for (const args of [
      ["verify", "prod/latest"],
      ["verify", "prod/latest", "--deep"],
      ["verify", `prod/${ids[1]}`],
    ]) {
      const { code, stdout, stderr } = await lifeboatHere(args, copy);
      expect({ args, code, stdout }).toEqual({ args, code: 4, stdout: "" });
      expect(stderr).toMatch(message);
    }
    const exported = await lifeboatHere(["export", `prod/${ids[1]}`, "--out", "out.db"], copy);
    expect(exported.code).toBe(4);
    expect((await readdir(copy.cwd)).toSorted()).toEqual([".state", "break-glass.key", "keys", "lifeboat.yaml", "vault"]);
    expect(await readdir(join(copy.cwd, "vault/clusters/prod/verified"))).toHaveLength(1);
  });

  test("a manifest that does not hold is listed as such, with exit code 6", async () => {
    const copy = await copyOf("listed");
    await flip(join(copy.cwd, `vault/clusters/prod/snapshots/${ids[1]}.json`), 2000);
    const { code, stdout } = await lifeboatHere(["ls", "--json"], copy);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      snapshots: [
        { id: ids[0], proof: anyText },
        { id: ids[1], error: { code: saying("verify/") } },
      ],
    });
    const latest = await lifeboatHere(["verify", "prod/latest"], copy);
    expect(latest).toMatchObject({ code: 4 });
    expect(latest.stderr).toContain(`the next older one is prod/${ids[0]}`);
  });
});

describe("keys", () => {
  test("a break-glass identity opens a snapshot where every other key is gone", async () => {
    const copy = await copyOf("break-glass");
    await rm(join(copy.cwd, "keys"), { recursive: true });
    const without = await lifeboatHere(["export", "prod/latest", "--out", "out.db"], copy);
    expect(without).toMatchObject({ code: 5, stdout: "" });
    expect(without.stderr).toContain("wrapping.key");
    const { code } = await lifeboatHere(["export", "prod/latest", "--out", "out.db", "--identity", "break-glass.key"], copy);
    expect(code).toBe(0);
  });

  test("another identity does not, and leaves nothing", async () => {
    const copy = await copyOf("stranger");
    await lifeboatHere(["init", "--dir", "stranger"], copy);
    const { code, stderr } = await lifeboatHere(
      ["export", "prod/latest", "--out", "out.db", "--identity", "stranger/break-glass.key"],
      copy,
    );
    expect(code).toBe(5);
    expect(stderr).not.toContain("AGE-SECRET-KEY");
    expect(await readdir(copy.cwd)).not.toContain("out.db");
  });

  test("a host with what backing up needs and no more backs up, and cannot read", async () => {
    const copy = await copyOf("writer");
    for (const name of ["wrapping.key", "audit.key", "bundle.key"]) await rm(join(copy.cwd, "keys", name));
    expect(await lifeboatJsonHere(["backup", "prod"], copy)).toMatchObject({ existing: false });
    expect(await lifeboatHere(["verify", "prod/latest", "--deep"], copy)).toMatchObject({ code: 5, stdout: "" });
    expect(await lifeboatHere(["export", "prod/good", "--out", "out.db"], copy)).toMatchObject({ code: 5, stdout: "" });
  });

  test("a backup that nobody would believe is not taken", async () => {
    const copy = await copyOf("untrusted");
    const config = join(copy.cwd, "lifeboat.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace(/snapshot: \[.*\]/, "snapshot: []"));
    const { code, stderr } = await lifeboatHere(["backup", "prod"], copy);
    expect(code).toBe(2);
    expect(stderr).toContain("trustedKeys.snapshot does not list");
    expect((await readdir(join(copy.cwd, "vault/clusters/prod/data"))).toSorted()).toEqual(
      (await readdir(join(folder.path, "vault/clusters/prod/data"))).toSorted(),
    );
    expect(await lifeboatHere(["keys"], copy)).toMatchObject({ code: 6 });
  });

  test("no command prints a secret", async () => {
    const secrets = await Promise.all(
      ["keys/wrapping.key", "keys/snapshot.key", "break-glass.key"].map((name) => readFile(join(folder.path, name), "utf8")),
    );
    const words = secrets.flatMap((text) =>
      text.split("\n").filter((line) => line.length > 20 && !line.startsWith("#") && !line.startsWith("-----")),
    );
    expect(words.length).toBeGreaterThan(3);
    for (const args of [
      ["keys"],
      ["keys", "--json"],
      ["show", "prod/latest", "--json"],
      ["ls", "--json"],
      ["preflight", "prod", "--json"],
    ]) {
      const { stdout, stderr } = await lifeboat(args, options);
      for (const word of words) expect(`${stdout}${stderr}`).not.toContain(word);
    }
  });
});

describe("etcd", () => {
  test("that is not there is exit code 3, names the endpoint, and leaves nothing", async () => {
    await using down = await startCluster({ version: "3.6", security: "tls" });
    await using place = await temporaryFolder();
    const there = await initialise(down, place.path);
    await down.members[0]?.kill();
    const { code, stdout, stderr } = await lifeboatHere(["backup", "prod"], there);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain(down.endpoints[0]);
    const left = await readdir(join(place.path, "vault"), { recursive: true, withFileTypes: true });
    expect(
      left
        .filter((entry) => !entry.isDirectory())
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["0000000001.json", "store.json"]);
    expect((await lifeboatHere(["custody", "prod"], there)).stdout).toMatch(/^1 .* failed .* etcd\/unreachable: /m);
    expect(await lifeboatHere(["preflight", "prod"], there)).toMatchObject({ code: 3 });
  });

  test("plain http is taken with a warning", async () => {
    await using place = await temporaryFolder();
    const { code, stderr } = await lifeboatHere(["init", "--cluster", "a", "--endpoint", "http://127.0.0.1:2379"], { cwd: place.path });
    expect(code).toBe(0);
    expect(stderr).toContain("warning: http://127.0.0.1:2379: plain http");
  });

  test("of another cluster at the same name begins a new lineage, loudly", async () => {
    await using other = await startCluster({ version: "3.6", security: "tls" });
    const copy = await copyOf("lineage");
    const config = join(copy.cwd, "lifeboat.yaml");
    const text = await readFile(config, "utf8");
    const { ca, cert, key } = other.files;
    await writeFile(
      config,
      text
        .replace(/- https:\S+/, `- ${other.endpoints[0]}`)
        .replace(/ca: .*/, `ca: file:${ca}`)
        .replace(/cert: .*/, `cert: file:${cert}`)
        .replace(/ key: file.*/, ` key: file:${key}`),
    );
    const looked = await lifeboatHere(["preflight", "prod", "--json"], copy);
    expect(looked.code).toBe(6);
    expect(JSON.parse(looked.stdout)).toMatchObject({
      lineage: { number: 2, opens: "cluster-id-changed" },
      findings: [{ code: "new-lineage", severity: "problem" }],
    });
    const { code, stderr, stdout } = await lifeboatHere(["backup", "prod", "--json"], copy);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ lineage: 2, lineageAttention: { number: 2 } });
    expect(stderr).toContain("lineage 2 begins, and the snapshots of lineage 1 are frozen");
  });
});

test("init makes everything for its owner only, and a second one changes nothing", async () => {
  await using place = await temporaryFolder();
  await lifeboat(initArguments(cluster), { cwd: place.path });
  const { stdout } = await execa("find", [place.path, "-mindepth", "1", "-printf", "%P %m\n"]);
  const modes = Object.fromEntries(stdout.split("\n").map((line) => line.split(" ") as [string, string]));
  expect(modes).toMatchObject({ "break-glass.key": "600", keys: "700", vault: "700", "lifeboat.yaml": "600" });
  for (const name of ["snapshot", "audit", "bundle", "wrapping"]) expect(modes[`keys/${name}.key`]).toBe("600");
  const before = await readFile(join(place.path, "lifeboat.yaml"), "utf8");
  expect((await lifeboatHere(["init"], { cwd: place.path })).code).toBe(2);
  await rm(join(place.path, "lifeboat.yaml"));
  expect((await lifeboatHere(["init"], { cwd: place.path })).stderr).toContain("is already there");
  expect(await readdir(place.path)).not.toContain("lifeboat.yaml");
  expect(before).toContain("trustedKeys");
});
