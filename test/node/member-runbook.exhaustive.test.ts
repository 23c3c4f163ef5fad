import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { saying } from "../support/matchers.ts";
import { MEMBER_SH } from "../support/restore-bundle.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode, SiteRun } from "../support/restore-site.ts";

/** docs/runbook.md, "One member failed", "Quorum lost" and "Endless restart": each command as it stands there. */

const RUNBOOK = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
const CHAPTERS = RUNBOOK.slice(
  RUNBOOK.indexOf("## One member failed"),
  RUNBOOK.indexOf("## The cluster is dead: restore it from a bundle"),
);
const BLOCKS = new Map(
  [...CHAPTERS.matchAll(/<!-- test: ([a-z ]+) -->\n```sh\n([\s\S]*?)```/g)].map(([, name = "", text = ""]) => [name, text]),
);
const run = new Set<string>();

/** What an unpacked bundle has of what these chapters need. */
function unpackBundle(site: RestoreSite, node: SiteNode): void {
  const bundle = join(node.root, "root/restore/lifeboat/bundle");
  const { etcdctl, etcdutl } = requireEtcd(site.version);
  mkdirSync(join(bundle, "bin"), { recursive: true });
  cpSync(dirname(MEMBER_SH), bundle, { recursive: true });
  symlinkSync(etcdctl, join(bundle, "bin/etcdctl"));
  symlinkSync(etcdutl, join(bundle, "bin/etcdutl"));
}

describe("the runbook", () => {
  async function typed(site: RestoreSite, node: SiteNode, name: string, code = 0): Promise<SiteRun> {
    const text = BLOCKS.get(name);
    if (text === undefined) throw new Error(`docs/runbook.md has no block "${name}"`);
    run.add(name);
    // The folder is the node's own here.
    const ended = await site.type(node, text.replace("cd /root/restore\n", ""));
    expect(ended, `${name}: ${ended.out}\n${ended.err}`).toMatchObject({ code });
    return ended;
  }

  test("one member fails, then the quorum is lost, then etcd ends at each start", { timeout: 300_000 }, async () => {
    await using site = await RestoreSite.start("3.6", ["systemd", "systemd", "systemd"], { apiUnits: true });
    const [first, second, third] = site.nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no node");
    for (const node of site.nodes) unpackBundle(site, node);
    await site.etcdctl(["put", "/k", "value"]);
    const before = await site.content();

    await site.stopUnit(third);
    site.wipe(third);
    expect(await typed(site, third, "member status", 6)).toMatchObject({ err: saying("DEGRADED") });
    expect((await typed(site, third, "member look")).out).toContain("add-learner: etcdctl member add m3 --learner");
    expect((await typed(site, third, "member replace")).out).toContain("3 member(s) agree on hash");
    expect((await typed(site, third, "member progress")).out).toMatch(/\ndone$/);
    // Of one that is done there is nothing to take back.
    await typed(site, third, "member rollback", 6);

    await site.crash([second, third]);
    expect(await typed(site, first, "quorum status", 3)).toMatchObject({ err: saying("NO QUORUM") });
    expect((await typed(site, first, "quorum look")).out).toContain("put-force: --force-new-cluster");
    expect((await typed(site, first, "quorum force")).out).toContain("m1 is a cluster of one");
    for (const node of [second, third]) expect((await typed(site, node, "quorum rejoin")).out).toContain("is a voting member again");
    expect(await site.content(third)).toBe(before);

    await site.crash(site.nodes);
    for (const node of site.nodes)
      for (const name of readdirSync(join(node.dataDir, "member/wal")).filter((each) => each.endsWith(".wal")))
        truncateSync(join(node.dataDir, "member/wal", name), 20);
    expect(await typed(site, first, "endless status", 3)).toMatchObject({ out: saying("its database ends at revision") });
    expect((await typed(site, first, "endless look")).out).toContain("--skip-hash-check");
    expect((await typed(site, first, "endless rebuild")).out).toContain("m1 is a cluster of one");
    expect(await site.content(first)).toBe(before);
    expect(await site.revision(first)).toBeGreaterThan(1_000_000_000);
    for (const node of [second, third]) await typed(site, node, "quorum rejoin");
    expect(await site.content(second)).toBe(before);
  });

  test("every block of the chapters was run, and every command stands in one", () => {
    expect([...BLOCKS.keys()].filter((name) => !run.has(name))).toEqual([]);
    expect([...CHAPTERS.matchAll(/^```sh$/gm)]).toHaveLength(BLOCKS.size);
  });
});
