import { describe, expect, test } from "vitest";
import { needs } from "../../support/programs.ts";
import { RestoreSite } from "../../support/restore-site.ts";
import { ALL_CASES, pairwise } from "./matrix.ts";
import type { Case } from "./matrix.ts";

/** From a cluster with data to a dead one, and back by restore.sh: pairwise, or all cases where LIFEBOAT_TEST_RESTORE=all. `part` of `parts`: two files run at once. */
export function matrixTests(part: number, parts: number): void {
  const cases = process.env["LIFEBOAT_TEST_RESTORE"] === "all" ? ALL_CASES : pairwise(ALL_CASES);
  describe.skipIf(needs("openssl", "age", "age-keygen", "zstd"))("restore.sh", () => {
    test.each(cases.filter((_, index) => index % parts === part))(
      "brings back $members member(s) of etcd $version, $layout, $security, way $way",
      { timeout: 300_000 },
      restores,
    );
  });
}

const LEASE_SECONDS = 3600;

async function restores({ layout, version, members, security, way }: Case): Promise<void> {
  await using site = await RestoreSite.start(
    version,
    Array.from({ length: members }, () => layout),
    { security },
  );
  const lease = /lease ([0-9a-f]+) granted/.exec(await site.etcdctl(["lease", "grant", String(LEASE_SECONDS)]))?.[1] ?? "";
  for (const value of ["one", "two", "three"]) await site.etcdctl(["put", "/registry/a", value]);
  await site.etcdctl(["put", `--lease=${lease}`, "/registry/leased", "for a while"]);
  await site.etcdctl(["put", "/registry/b", "stays"]);
  await site.etcdctl(["put", "/registry/gone", "not for long"]);
  await site.etcdctl(["del", "/registry/gone"]);
  const before = await site.content();
  expect(before).toContain(`"version":3,`);
  expect(before).toContain(`"lease":${BigInt(`0x${lease}`)}`);
  const old = await site.revision();
  const bundle = await site.lifeboatBundle();
  expect(Number(bundle.plan["REVISION"])).toBe(old);

  await site.etcdctl(["put", "/registry/a", "too late"]);
  await site.etcdctl(["put", "/registry/late", "too late"]);
  await site.etcdctl(["del", "/registry/b"]);
  const last = await site.revision();
  await site.disaster();

  const ways = site.nodes.map((_, index) => (way === "all" ? [] : [index === 0 ? "--first" : "--join"]));
  const applied = await Promise.all(site.nodes.map((node, index) => site.run(node, ["apply", ...(ways[index] ?? [])], bundle)));
  for (const each of applied) expect(each, each.err).toMatchObject({ code: 0, out: expect.stringContaining("agree on hash") as string });
  await site.healthy();

  const bumped = Number(bundle.plan["REVISION_AFTER"]);
  expect(bumped).toBeGreaterThan(last);
  for (const node of site.nodes) {
    expect(await site.content(node)).toBe(before);
    expect(await site.revision(node)).toBe(bumped);
    expect(await site.run(node, ["status"])).toMatchObject({ code: 0, out: expect.stringMatching(/\ndone$/) as string });
  }
  expect(await site.etcdctl(["lease", "timetolive", lease, "--keys"])).toMatch(
    new RegExp(`granted with TTL\\(${LEASE_SECONDS}s\\), remaining\\(\\d+s\\), attached keys\\(\\[/registry/leased\\]\\)`),
  );
  const listed = (await site.etcdctl(["member", "list"])).split("\n").map((line) => line.split(", "));
  expect(listed.map(([, status, name]) => `${name} ${status}`).toSorted()).toEqual(site.nodes.map(({ name }) => `${name} started`));

  // Whoever watched or read at a revision of before begins anew.
  for (const revision of [old, last]) {
    await expect(site.etcdctl(["watch", "/registry/a", `--rev=${revision}`])).rejects.toThrow("required revision has been compacted");
    await expect(site.etcdctl(["get", "/registry/a", `--rev=${revision}`])).rejects.toThrow("required revision has been compacted");
  }
  await site.etcdctl(["put", "/registry/new", "works"]);
  for (const node of site.nodes) {
    expect(await site.etcdctl(["get", "/registry/new", "--print-value-only"], node)).toBe("works");
    expect(await site.revision(node)).toBe(bumped + 1);
  }
}
