import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const Statement = z.object({
  predicateType: z.literal("https://slsa.dev/provenance/v1"),
  subject: z.array(z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })),
});
const Component = z.object({
  "bom-ref": z.string(),
  name: z.string(),
  components: z.array(z.object({ "bom-ref": z.string() })).optional(),
});
const Bill = z.object({
  bomFormat: z.literal("CycloneDX"),
  metadata: z.object({ component: z.object({ name: z.string() }) }),
  components: z.array(Component),
});

describe("npm run release", () => {
  let folder = "";
  let out = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lifeboat-release-test-"));
    out = join(folder, "out");
    execFileSync("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", join(folder, "key.pem")], {
      stdio: "ignore",
    });
    const { status, stderr } = release("--dry-run", "--key", join(folder, "key.pem"), "--platform", "linux-x64", "--out", out);
    expect(stderr).toContain("release: signed by sha256:");
    expect(status).toBe(0);
  }, 600_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("makes tarballs whose digests sha256sum and openssl take", () => {
    execFileSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: out });
    execFileSync("openssl", ["dgst", "-sha256", "-verify", "release.pub", "-signature", "SHA256SUMS.sig", "SHA256SUMS"], { cwd: out });
    expect(readdirSync(out)).toEqual(expect.arrayContaining(["etcd-lifeboat-0.1.0.tgz", "etcd-lifeboat-tools-linux-x64-0.1.0.tgz"]));
    expect(readdirSync(folder).toSorted()).toEqual(["key.pem", "out"]);
  });

  it("says where each came from", () => {
    const { payload } = z.object({ payload: z.string() }).parse(read("provenance.intoto.json"));
    const { subject } = Statement.parse(JSON.parse(Buffer.from(payload, "base64").toString()));
    const sums = readFileSync(join(out, "SHA256SUMS"), "utf8");
    expect(subject.map(({ name }) => name)).toContain("etcd-lifeboat-0.1.0.tgz");
    for (const { name, digest } of subject) expect(sums).toContain(`${digest.sha256}  ${name}\n`);
  });

  it("lists what the package and the programs are made of", () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
    const main = Bill.parse(read("etcd-lifeboat.cdx.json"));
    expect(main.metadata.component.name).toBe("etcd-lifeboat");
    expect(main.components.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(dependencies)));

    const programs = Bill.parse(read("etcd-lifeboat-tools-linux-x64.cdx.json"));
    expect(programs.components.map((each) => each["bom-ref"])).toEqual(expect.arrayContaining(["age", "etcd-3.6/etcdutl", "unzstd"]));
    const references = programs.components.flatMap((each) => [
      each["bom-ref"],
      ...(each.components ?? []).map((module) => module["bom-ref"]),
    ]);
    expect(new Set(references).size).toBe(references.length);
    expect(references.join("\n")).toContain("klauspost/compress");
  });

  it("refuses a release that is none, and leaves nothing", () => {
    const refusals: readonly (readonly [readonly string[], string])[] = [
      [["--platform", "linux-x64"], "--out FOLDER says where to"],
      [["--out", out], "is there already"],
      [["--dry-run", "--out", join(folder, "other"), "--platform", "plan9"], "plan9 is no platform; there are linux-x64, linux-arm64"],
      [["--out", join(folder, "other")], "no --key FILE to sign with"],
    ];
    for (const [args, message] of refusals) {
      const { status, stderr } = release(...args);
      expect(stderr).toContain(message);
      expect(status).toBe(1);
    }
    expect(readdirSync(folder).toSorted()).toEqual(["key.pem", "out"]);
    expect(statSync(out).isDirectory()).toBe(true);
  });

  function read(name: string): unknown {
    return JSON.parse(readFileSync(join(out, name), "utf8"));
  }
});

function release(...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync(process.execPath, ["tools/release/main.ts", ...args], { cwd: ROOT, encoding: "utf8" });
}
