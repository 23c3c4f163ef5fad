import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import { saying } from "../../support/matchers.ts";
import { copyOf, useTwoSnapshots } from "../../support/two-snapshots.ts";

/** The command as a person meets it: wrong input, and flags that every command takes. */

const made = useTwoSnapshots();

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
      /is older than a day, and was not backed up at the time[^]*hint: back up without a slot/,
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
    ["ls of one that is like no other", ["ls", "staging"], /cluster staging not found: .*\n.*configured: prod/],
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
    const { code, stdout, stderr } = await lifeboatHere(args, made.options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).toContain("lifeboat: hint: ");
    expect(stderr).not.toContain(" at file:");
    expect(await readdir(made.folder.path)).not.toContain("new");
  });

  test("with --json the same is one document on standard output", async () => {
    const { code, stdout } = await lifeboat(["--json", "show", "prod"], made.options);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: "usage", message: '"prod" is not a ref', hint: saying("CLUSTER/latest"), exitCode: 2 },
    });
  });
});

describe("a cluster that is in one place only is known", () => {
  test("in the configuration: it has no snapshots yet", async () => {
    const copy = await copyOf(made, "configured-only");
    await rm(join(copy.cwd, "vault/clusters"), { recursive: true });
    for (const command of ["ls", "custody", "orphans", "rewrap"])
      expect(await lifeboatHere([command, "prod"], copy)).toMatchObject({ code: 0 });
    // That its log holds must not be said of a cluster whose every object was removed.
    const verified = await lifeboatHere(["custody", "prod", "--verify"], copy);
    expect(verified).toMatchObject({ code: 2, stdout: "", stderr: saying("nothing of prod found in ") });
  });

  test("in the store: what was taken of it is listed", async () => {
    const copy = await copyOf(made, "stored-only");
    const config = join(copy.cwd, "lifeboat.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace(/^clusters:\n {2}prod:/m, "clusters:\n  other:"));
    for (const command of ["ls", "custody", "orphans", "rewrap"])
      expect(await lifeboatHere([command, "prod"], copy)).toMatchObject({ code: 0 });
    const { code, stderr } = await lifeboatHere(["ls", "prd"], copy);
    expect({ code, stderr }).toEqual({ code: 2, stderr: saying("did you mean prod?") });
  });
});

test("--config and --json stand anywhere in the line", async () => {
  const elsewhere = { ...made.options, cwd: "/" };
  const config = join(made.folder.path, "lifeboat.yaml");
  const lines = [
    ["--config", config, "--json", "ls", "prod"],
    ["ls", "--json", "prod", "--config", config],
    ["ls", "prod", `--config=${config}`, "--json"],
  ];
  const documents = await Promise.all(lines.map(async (line) => (await lifeboatHere(line, elsewhere)).stdout));
  expect(JSON.parse(documents[0] ?? "")).toMatchObject({ snapshots: [{ id: made.ids[0] }, { id: made.ids[1] }] });
  expect(new Set(documents).size).toBe(1);
});

test("npm run lifeboat takes paths relative to where the person stands", async () => {
  const root = new URL("../../../", import.meta.url).pathname;
  const { stdout } = await execa("npm", ["--prefix", root, "run", "-s", "lifeboat", "--", "ls", "--json"], { cwd: made.folder.path });
  expect(JSON.parse(stdout)).toMatchObject({ snapshots: [{ id: made.ids[0] }, { id: made.ids[1] }] });
});
