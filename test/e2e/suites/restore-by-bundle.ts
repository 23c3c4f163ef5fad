import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { needs } from "../../support/programs.ts";
import { RestoreSite } from "../../support/restore-site.ts";
import type { Layout, SiteNode, SiteRun } from "../../support/restore-site.ts";
import { RunbookChapter } from "./runbook-chapter.ts";
import { addRecipients, whereConfigured } from "./runbook-hosts.ts";

/** docs/runbook.md, "The cluster is dead: restore it from a bundle": each command as it stands there, on real etcd. Stand-ins are the kubelet, systemd, ssh and scp. */

const CHAPTER = new RunbookChapter("The cluster is dead: restore it from a bundle");
const block = (name: string): string => CHAPTER.block(name);
const FINGERPRINT = /sha256:[0-9a-f]{64}/;

export interface Case {
  readonly layouts: readonly Layout[];
  /** Whether all restore, or one does and the others join. */
  readonly way: "all" | "join";
}

/** `every`: whether these cases together run every block of the chapter. */
export function restoreByBundleTests(cases: readonly Case[], every: boolean): void {
  describe.skipIf(needs("openssl", "age", "age-keygen", "zstd")).each(cases)("$way on $layouts", (each) => {
    test("the commands of the runbook bring the snapshot back on every member, and back what was there before", { timeout: 300_000 }, () =>
      tryOut(each),
    );
  });

  test.runIf(every)("every block of the chapter was run", () => {
    expect(CHAPTER.notRun).toEqual([]);
  });

  test("every command of the chapter stands in a block that has a name", () => {
    expect(CHAPTER.names).toHaveLength(CHAPTER.count);
  });
}

async function tryOut({ layouts, way }: Case): Promise<void> {
  await using site = await RestoreSite.start("3.6", layouts);
  await using folder = await temporaryFolder();
  await site.etcdctl(["put", "/registry/secrets/default/a", "one"]);
  const here = { cwd: folder.path, env: {} };
  const endpoints = site.nodes.flatMap(({ clientUrl }) => ["--endpoint", clientUrl]);
  expect(await lifeboatHere(["init", "--cluster", "prod", ...endpoints], here)).toMatchObject({ code: 0 });
  await addRecipients(site, folder.path);
  expect(await lifeboatHere(["backup", "prod"], here)).toMatchObject({ code: 0 });
  expect(await lifeboatHere(["verify", "prod/latest", "--deep"], here)).toMatchObject({ code: 0 });
  const snapshot = await site.keys();
  await site.etcdctl(["put", "/registry/secrets/default/a", "too late"]);

  const made = await whereConfigured(block("bundle make"), site, folder.path);
  const fingerprint = FINGERPRINT.exec(made)?.[0] ?? "";
  await whereConfigured(block("bundle bring"), site, folder.path);
  expect([...block("bundle settings").matchAll(/^([A-Z]+)=/gm)].map(([, name]) => name)).toEqual(["NAME", "FINGERPRINT"]);
  const settings = (index: number): Record<string, string> => ({ NAME: `cp-${index + 1}`, FINGERPRINT: fingerprint });
  const on = (node: SiteNode, name: string, more = {}): Promise<SiteRun> =>
    site.type(node, block(name), { ...settings(site.nodes.indexOf(node)), ...more });
  const onEach = async (name: string, nodes = site.nodes): Promise<readonly SiteRun[]> => {
    const ended = await Promise.all(nodes.map((node) => on(node, name)));
    for (const each of ended) expect(each, `${name}: ${each.out}\n${each.err}`).toMatchObject({ code: 0 });
    return ended;
  };
  const [first, ...others] = site.nodes;
  if (first === undefined) throw new Error("no node");

  const strange = await on(first, "bundle unpack", { FINGERPRINT: `sha256:${"0".repeat(64)}` });
  expect(strange).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^bundle\.pub is sha256:[0-9a-f]{64}, and you typed sha256:0{64}\n?$/) as string,
  });
  expect(await readdir(join(first.root, "root/restore"))).not.toContain("lifeboat");
  for (const { out } of await onEach("bundle unpack")) expect(out).toMatch(/^Verified OK\n[^]*restore\.sh/);
  const digest = /plan: +([0-9a-f ]+);/.exec(made)?.[1];
  for (const { out } of await onEach("bundle look")) expect(out).toContain(`plan digest  ${digest}`);

  if (way === "join") {
    // At the same time: the others' etcd still runs here, and the first waits until it is stopped.
    await Promise.all([onEach("bundle first", [first]), onEach("bundle join", others)]);
  } else for (const { out } of await onEach("bundle apply")) expect(out).toContain(`${layouts.length} member(s) agree on hash`);
  await site.healthy();
  for (const node of site.nodes) expect(await site.keys(node)).toEqual(snapshot);
  for (const { out } of await onEach("bundle status")) expect(out).toMatch(/\ndone$/);

  const after = await on(first, "bundle after");
  // A static pod's API server is no real one here, and says that it is not ready.
  expect(after, after.err).toMatchObject({
    code: first.layout === "static-pod" ? 6 : 0,
    out: expect.stringContaining("healthy") as string,
  });
  // A bare node has neither a kubelet nor systemd here.
  for (const node of site.nodes.filter(({ layout }) => layout !== "bare"))
    await onEach(node.layout === "static-pod" ? "bundle restart static pods" : "bundle restart systemd", [node]);
  expect(await readFile(join(first.root, "plane/restarted"), "utf8")).toContain("kubelet");
  // As if API servers had run for a minute.
  await site.etcdctl(["put", "/registry/masterleases/10.0.0.1", "renewed"]);
  await writeFile(join(first.root, "var/lib/etcd-lifeboat/restore/journal"), `set DONE ${Math.floor(Date.now() / 1000) - 120}\n`, {
    flag: "a",
  });
  const cleared = await on(first, "bundle clear");
  expect(cleared.out).toContain("cleared ");

  if (way === "join") {
    await onEach("bundle rollback", others);
    await onEach("bundle rollback", [first]);
  } else await onEach("bundle rollback");
  await site.healthy();
  expect(await site.etcdctl(["get", "/registry/secrets/default/a", "--print-value-only"])).toBe("too late");
}
