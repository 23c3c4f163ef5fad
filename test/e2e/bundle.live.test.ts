import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../tools/lab/etcd-cluster.ts";
import { requireEtcd } from "../../tools/lab/etcd-programs.ts";
import { fillWithKubernetesData } from "../../tools/lab/kubernetes-data.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { fill } from "../etcd/support/fill.ts";
import { newPlace } from "../support/place.ts";
import type { Place } from "../support/place.ts";
import { needs, requireProgram } from "../support/programs.ts";
import { fitting } from "../support/matchers.ts";

/** A bundle of a real snapshot, taken apart by programs of others: openssl, tar, sha256sum, age, zstd, etcdutl. */
describe.skipIf(needs("openssl", "age", "zstd"))("a bundle", () => {
  let cluster: EtcdCluster;
  let folder: TemporaryFolder;
  let place: Place;
  let identity: string;
  let fingerprint: string;

  beforeAll(async () => {
    cluster = await startCluster({ version: "3.6" });
    folder = await temporaryFolder();
    await fillWithKubernetesData(cluster.connection, { megabytes: 1 });
    // Several frames of zstd.
    await fill(cluster, 8);
    place = await newPlace(cluster, folder.path, "bundle");
    expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
    expect(await place.here("verify", "prod/latest", "--deep")).toMatchObject({ code: 0 });
    identity = place.path("cp-1.key");
    const { stderr } = await execa(join(dirname(requireProgram("age")), "age-keygen"), ["-o", identity]);
    const recipient = /age1\S+/.exec(stderr)?.[0] ?? "";
    await place.edit("lifeboat.yaml", (text) => `${text}recipients:\n  cp-1: ${recipient}\n`);
    fingerprint = /bundle: \["?(sha256:[0-9a-f]{64})/.exec(await readFile(place.path("lifeboat.yaml"), "utf8"))?.[1] ?? "";
  });
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  /** In `cwd`, with programs of others alone. */
  const sh = (script: string, cwd: string): ReturnType<typeof execa> =>
    execa("bash", ["--norc", "-eo", "pipefail", "-c", script], {
      cwd,
      env: { PATH: `${dirname(requireProgram("age"))}:${process.env["PATH"]}` },
      extendEnv: false,
      reject: false,
    });

  test("is verified, opened and restored by hand", async () => {
    const made = await place.here("bundle", "prod", "--recipient", "cp-1", "--out", "out", "--with-payload", "--json", "--quiet");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const document = JSON.parse(made.stdout) as {
      payload: { file: string };
      bundleKey: string;
      token: string;
      bumpRevision: string;
      nodes: { name: string; peerUrls: string[] }[];
    };
    expect(document.bundleKey).toBe(fingerprint);
    const out = place.path("out");
    expect((await stat(out)).mode & 0o777).toBe(0o700);
    expect((await readdir(out)).toSorted()).toEqual([document.payload.file, "bundle.pub", "cp-1.tar", "cp-1.tar.sig"]);
    for (const name of await readdir(out)) expect((await stat(join(out, name))).mode & 0o777, name).toBe(0o600);

    const { stdout: sum } = await sh("openssl pkey -pubin -in bundle.pub -outform DER | sha256sum", out);
    expect(`sha256:${String(sum).split(" ", 1)[0]}`).toBe(fingerprint);
    expect(await sh("openssl dgst -sha256 -verify bundle.pub -signature cp-1.tar.sig cp-1.tar", out)).toMatchObject({
      exitCode: 0,
      stdout: "Verified OK",
    });
    expect(
      await sh("mkdir ../open && tar -xf cp-1.tar -C ../open && cd ../open/bundle && sha256sum -c --quiet SHA256SUMS", out),
    ).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    const { stdout: listed } = await sh("tar -tvf cp-1.tar", out);
    expect(
      String(listed)
        .split("\n")
        .every((line) => line.startsWith("-rw") && line.includes(" 0/0 ")),
    ).toBe(true);
    const open = place.path("open/bundle");
    expect((await stat(join(open, "identity.age"))).mode & 0o077).toBe(0);
    const plan = new Map(
      (await readFile(join(open, "plan"), "utf8"))
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );

    // By the programs that it carries, as a node would.
    const opened = await sh(
      `./bin/age -d -i <(./bin/age -d -i ${identity} identity.age) ${out}/${document.payload.file} | ./bin/unzstd > ${place.path("snapshot.db")} && sha256sum ${place.path("snapshot.db")}`,
      open,
    );
    expect(opened).toMatchObject({ exitCode: 0, stderr: "" });
    expect(String(opened.stdout).split(" ", 1)[0]).toBe(plan.get("SNAPSHOT_SHA256"));
    const [member] = document.nodes;
    const restored = await sh(
      `./bin/etcdutl snapshot restore ${place.path("snapshot.db")} --data-dir ${place.path("restored")} --name ${member?.name} --initial-cluster '${plan.get("INITIAL_CLUSTER")}' --initial-advertise-peer-urls ${member?.peerUrls.join(",")} --initial-cluster-token ${plan.get("TOKEN")} --bump-revision ${plan.get("BUMP_REVISION")} --mark-compacted`,
      open,
    );
    expect(restored.exitCode, String(restored.stderr)).toBe(0);
    const status = await execa(requireEtcd("3.6").etcdutl, ["snapshot", "status", place.path("snapshot.db"), "-w", "json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ hash: Number(plan.get("SNAPSHOT_HASH")), revision: Number(plan.get("REVISION")) });
    const bumped = await execa(requireEtcd("3.6").etcdutl, ["snapshot", "status", place.path("restored/member/snap/db"), "-w", "json"]);
    expect(JSON.parse(bumped.stdout)).toMatchObject({ revision: Number(plan.get("REVISION_AFTER")) });
  });

  test("is inspected as it is, and with its recipient's identity", async () => {
    expect(await place.here("bundle", "--inspect", "out", "--identity", "cp-1.key", "--quiet")).toMatchObject({ code: 0, stderr: "" });
    const json = await place.here("bundle", "--inspect", "out", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ holds: true, faults: [], payload: { state: "whole" } });
  });

  test("needs no configuration where the fingerprint is typed, in groups or not", async () => {
    const elsewhere = place.path("elsewhere");
    await mkdir(elsewhere);
    await execa("cp", ["-a", place.path("out"), elsewhere]);
    const typed = fingerprint.replace("sha256:", "").replaceAll(/(.{4})/g, "$1 ");
    await place.edit("lifeboat.yaml", (text) => text.replace(fingerprint, `sha256:${"0".repeat(64)}`));
    expect(await place.here("bundle", "--inspect", "out")).toMatchObject({ code: 4 });
    expect(await place.here("bundle", "--inspect", "out", "--fingerprint", typed)).toMatchObject({ code: 0 });
    await place.edit("lifeboat.yaml", (text) => text.replace(`sha256:${"0".repeat(64)}`, fingerprint));
  });

  test("with a flipped bit is refused by openssl and by --inspect alike", async () => {
    const tar = await readFile(place.path("out/cp-1.tar"));
    for (const at of [0, 700, 5000, Math.floor(tar.length / 2), tar.length - 1]) {
      const changed = Buffer.from(tar);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(place.path("elsewhere/out/cp-1.tar"), changed);
      const { exitCode, stdout } = await sh(
        "openssl dgst -sha256 -verify bundle.pub -signature cp-1.tar.sig cp-1.tar",
        place.path("elsewhere/out"),
      );
      expect([exitCode, stdout]).toEqual([1, "Verification failure"]);
      const { code, stderr } = await place.here("bundle", "--inspect", "elsewhere/out");
      expect({ code, stderr }).toEqual({ code: 4, stderr: fitting(/the signature of cp-1\.tar is not by sha256:/) });
    }
  });

  test("is not written over anything, and a failure leaves nothing", async () => {
    const again = await place.here("bundle", "prod/good", "--recipient", "cp-1", "--out", "out");
    expect(again).toMatchObject({ code: 2, stderr: fitting(/out is already there, and nothing is overwritten/) });
    await mkdir(place.path("closed"), { mode: 0o500 });
    if (process.getuid?.() !== 0) {
      expect(await place.here("bundle", "prod/good", "--recipient", "cp-1", "--out", "closed/out")).toMatchObject({ code: 2 });
      expect(await readdir(place.path("closed"))).toEqual([]);
    }
    await chmod(place.path("closed"), 0o700);
    expect(await place.here("bundle", "prod/good", "--recipient", "cp-1", "--out", "nowhere/out")).toMatchObject({
      code: 2,
      stderr: fitting(/cannot write/),
    });
  });

  test("takes other members from a file that it printed", async () => {
    const { stdout } = await place.here("bundle", "prod", "--print-nodes");
    await writeFile(place.path("nodes.yaml"), `${stdout.replaceAll("http://127.0.0.1:", "https://10.7.7.7:")}\n`);
    const made = await place.here("bundle", "prod", "--recipient", "cp-1", "--out", "other-nodes", "--nodes", "nodes.yaml", "--for", "k3s");
    expect(made).toMatchObject({
      code: 0,
      stdout: fitting(/restore\.sh export [\s\S]*--cluster-reset-restore-path/),
      stderr: fitting(/no member of the snapshot had the host 10\.7\.7\.7/),
    });
    expect(await place.here("bundle", "--inspect", "other-nodes")).toMatchObject({
      code: 6,
      stderr: fitting(/payload .* is not in other-nodes/),
    });
  });

  test.each([
    [["bundle", "prod", "--out", "x"], 2, /nobody is named/],
    [["bundle", "prod", "--recipient", "cp-2", "--out", "x"], 2, /did you mean cp-1/],
    [["bundle", "prod", "--recipient", "cp-1"], 2, /give --out FOLDER/],
    [["bundle", "prod", "--print-nodes", "--out", "x"], 2, /--print-nodes makes no bundle, and --out was given too/],
    [["bundle", "prod", "--print-nodes", "--recipient", "cp-1"], 2, /--print-nodes makes no bundle, and --recipient was given too/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--arch", "mips"], 2, /--arch "mips" is none of amd64, arm64/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--for", "minikube"], 2, /--for "minikube" is none of/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--valid", "5m"], 2, /from 1h to 30d/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--nodes", "missing.yaml"], 2, /cannot read the nodes file missing\.yaml/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--reason", " "], 2, /the reason has 0 characters/],
    [["bundle", "prod/20200101T000000Z", "--recipient", "cp-1", "--out", "x"], 2, /not found/],
    [["bundle", "nowhere", "--recipient", "cp-1", "--out", "x"], 2, /nowhere/],
    [["bundle", "prod", "--unenrolled", "age1xyz", "--reason", "r", "--out", "x"], 2, /not a valid age recipient/],
    [["bundle", "prod", "--inspect", "out"], 2, /--inspect looks at a folder alone/],
    [["bundle", "prod", "--recipient", "cp-1", "--out", "x", "--identity", "cp-1.key"], 2, /--identity goes with --inspect/],
    [["bundle", "prod", "--recipient", "cp-1", "--with-payload"], 2, /--with-payload needs --out/],
    [["bundle", "--inspect", "missing"], 2, /there is no folder missing/],
    [["bundle", "--inspect", "keys"], 2, /there is no control tar/],
    [["bundle", "--inspect", "out", "--fingerprint", "abc"], 2, /is not 64 hex digits/],
    [["bundle", "--inspect", "out", "--identity", "missing"], 2, /identity file missing not found/],
  ])("is refused: lifeboat %j", async (line, code, message) => {
    const outcome = await place.here(...line);
    expect(outcome).toMatchObject({ code, stderr: fitting(message) });
    expect(outcome.stderr).toMatch(/hint: /);
    expect((await readdir(place.path("."))).filter((name) => name === "x" || name.includes(".partial"))).toEqual([]);
  });

  test("recipients are listed, and a new one's line is printed", async () => {
    expect((await place.here("recipients", "ls")).stdout).toMatch(/^NAME +RECIPIENT\ncp-1 +age1/);
    const { stderr } = await execa(join(dirname(requireProgram("age")), "age-keygen"), ["-o", place.path("new.key")]);
    const key = /age1\S+/.exec(stderr)?.[0] ?? "";
    expect(await place.here("recipients", "add", "oncall", key)).toMatchObject({
      code: 0,
      stdout: `  oncall: ${key}\n`,
      stderr: fitting(/under recipients:/),
    });
    for (const wrong of [
      ["On Call", key],
      ["cp-1", key],
      ["oncall", "age1xyz"],
      ["unenrolled-1", key],
    ])
      expect(await place.here("recipients", "add", ...wrong)).toMatchObject({ code: 2, stderr: fitting(/hint: /) });
  });
});
