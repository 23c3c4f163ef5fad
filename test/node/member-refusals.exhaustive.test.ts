import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { saying } from "../support/matchers.ts";
import { RestoreSite } from "../support/restore-site.ts";
import type { SiteNode } from "../support/restore-site.ts";
import { freePorts } from "../../tools/lab/free-port.ts";
import { expectRefusal } from "./suites/step-tests.ts";

const LOSE = "--yes-i-lose-what-only-the-others-have";
const SKIP = "--yes-i-skip-the-hash-check";

/** What member.sh refuses before it has begun anything. */
describe("member.sh refuses", () => {
  let site: RestoreSite;
  let node: SiteNode;
  let other: SiteNode;
  let ids: readonly string[];

  beforeAll(async () => {
    site = await RestoreSite.start("3.6", ["systemd", "systemd", "systemd"], { quick: true, security: "tls" });
    const [first, second] = site.nodes;
    if (first === undefined || second === undefined) throw new Error("no node");
    [node, other] = [first, second];
    const listed = (await site.etcdctl(["member", "list"])).split("\n").map((line) => line.split(", "));
    ids = site.nodes.map(({ name }) => listed.find(([, , each]) => each === name)?.[0] ?? "");
  });
  afterAll(() => site[Symbol.asyncDispose]());

  /** One message, the next step, and nothing begun. */
  async function refused(args: readonly string[], code: number, message: string, on = node): Promise<void> {
    const ended = await site.member(on, args);
    expect(ended, ended.err).toMatchObject({ code, err: saying(message) });
    expectRefusal(ended);
    expect(await site.member(on, ["progress"])).toMatchObject({ code: 0, out: "nothing was repaired on this node" });
  }

  test.each<[string, readonly string[], number, string]>([
    ["no command", [], 2, "no command"],
    ["a command that is none", ["destroy"], 2, "there is no command destroy"],
    ["two commands", ["status", "replace"], 2, "one command at a time"],
    ["an option that is none", ["status", "--force"], 2, "there is no option --force"],
    ["a dry run of status", ["status", "--dry-run"], 2, "--dry-run is for what changes something"],
    ["addresses that are none", ["status", "--endpoints", "10.0.0.1"], 2, "are no addresses"],
    ["an id that is none", ["replace", "--remove", "m2"], 2, "is no member's id"],
    ["another's confirmation", ["rebuild", LOSE], 2, "for rebuild"],
    ["a folder of programs that is none", ["status", "--bin", "/nowhere"], 2, "is no folder"],
    ["a healthy member", ["replace"], 6, "is healthy: there is nothing to replace"],
    ["an id that the cluster does not have", ["replace", "--remove", "abc"], 2, "the cluster has no member abc"],
    ["this node's address under another name", ["replace", "--member", "m9"], 6, "and this node would be m9"],
    [
      "this node's name at another address",
      ["replace", "--peer-urls", "https://127.0.0.1:1"],
      6,
      "and this node would be at https://127.0.0.1:1",
    ],
    ["force-new-cluster of a cluster with a quorum", ["force-new-cluster", LOSE], 6, "the cluster has a quorum"],
    ["rebuild of an etcd that runs", ["rebuild", SKIP], 6, "this is no endless restart"],
    ["a data directory that is none", ["replace", "--data-dir", "/etc"], 6, "is no data directory of etcd"],
    ["a rollback of nothing", ["rollback"], 2, "nothing was repaired on this node"],
  ])("%s", async (_, args, code, message) => {
    await refused(args, code, message);
  });

  test("a member whose certificates are gone", async () => {
    const file = join(node.root, "etc/etcd/pki/server.key");
    renameSync(file, `${file}.away`);
    await refused(["replace", "--even-if-healthy"], 2, "server.key is not there, and etcd needs it");
    renameSync(`${file}.away`, file);
  });

  test("a member of one that is named, whose address is another's", async () => {
    await refused(["replace", "--remove", ids[1] ?? ""], 6, "at this node's peer address already");
  });

  test("a second member while one is a learner", async () => {
    const [port] = await freePorts(1);
    const peer = `https://127.0.0.1:${port}`;
    const added = await site.etcdctl(["member", "add", "m9", "--learner", `--peer-urls=${peer}`], other);
    const id = /Member +([0-9a-f]+) added/.exec(added)?.[1] ?? "";
    await refused(["replace", "--even-if-healthy"], 6, `(${id}) is a learner, and the cluster takes one at a time`);
    expect(await site.member(other, ["status"])).toMatchObject({ code: 6, out: saying("does not answer") });
    await site.etcdctl(["member", "remove", id], other);
  });

  test("to take the quorum from the others, and to go on without them while they run", async () => {
    const [, second, third] = site.nodes;
    if (second === undefined || third === undefined) throw new Error("no node");
    await site.stopUnit(third);
    await refused(["replace", "--even-if-healthy"], 3, "1 of the other members are healthy, and a quorum of 3 is 2");
    expect(await site.member(node, ["status"])).toMatchObject({ code: 6, err: saying("DEGRADED") });
    await site.stopUnit(second);
    expect(await site.member(node, ["status"])).toMatchObject({ code: 3, err: saying("NO QUORUM: 0 of 3") });
    await refused(["replace"], 3, "0 of the other members are healthy");
    await refused(["force-new-cluster"], 2, "makes a cluster of m1 alone");
    await site.stopUnit(node);
    expect(await site.member(node, ["status"])).toMatchObject({
      code: 3,
      out: saying("its database ends at revision"),
      err: saying("no member answers"),
    });
    await refused(["replace"], 3, "no member of the cluster answers");
    await refused(["rebuild"], 2, "as it is: nothing tells whether it is whole");
    for (const each of site.nodes) await site.startUnit(each);
    await site.healthy();
    expect(readdirSync(node.dataDir)).toEqual(["member"]);
  });
});
