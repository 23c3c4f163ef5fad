import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { kopiaLayer } from "../../../infra/constructs/kopia-layer.ts";
import { isAllowed, statementsOf } from "../support/policies.ts";
import type { Statement } from "../support/policies.ts";
import type { Synthesized } from "../support/synthesized.ts";
import { ofType, theOne } from "../support/template.ts";
import type { Template } from "../support/template.ts";

/** The head of an ELF file, as far as anybody looks: no real kopia for linux-arm64 is at hand. */
export function elf(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

const [AARCH64, X86_64] = [183, 62];
export const KOPIA_ARM64 = elf(AARCH64);

/** Relative to the configuration. */
export const KOPIA_CONFIG = `version: 1
store:
  kind: kopia
  repository: { kind: s3, bucket: example-kopia, prefix: etcd, region: eu-central-1, lock: { mode: compliance, days: 30 } }
  manifests: { kind: s3, bucket: example-etcd-backups, region: eu-central-1 }
keys: { kind: kms, region: eu-central-1, wrap: alias/w, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b } }
breakGlass: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
service: { name: dedup, kopia: { path: ./kopia, sha256: ${sha256(KOPIA_ARM64)} } }
clusters:
  prod: { endpoints: ["https://10.0.0.1:2379"] }
`;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const BLOBS = "arn:aws:s3:::example-kopia";
const VAULT = "arn:aws:s3:::example-etcd-backups";
const ROLES = ["backup", "verify", "check", "keeper", "maintain"] as const;

/** A service whose store is a Kopia repository: who may do what there, and what each function finds. */
export function kopiaSuite(kopia: () => Synthesized, folder: () => string): void {
  describe("a service with a Kopia repository", () => {
    function rolesOf(): Readonly<Record<(typeof ROLES)[number], readonly Statement[]>> {
      const { service, keeper, templates } = kopia();
      const of = (template: Template, id: string): readonly Statement[] =>
        statementsOf(theOne(template, "AWS::IAM::Role", id)[0], template, templates);
      return {
        backup: of(service, "prodBackupRole"),
        verify: of(service, "prodVerifyRole"),
        check: of(service, "prodCheckRole"),
        keeper: of(keeper, "KeeperRole"),
        maintain: of(keeper, "KeeperMaintenanceRole"),
      };
    }

    function who(action: string, resource: string, context: Readonly<Record<string, string>> = {}): readonly string[] {
      return Object.entries(rolesOf()).flatMap(([name, role]) => (isAllowed(role, { action, resource, context }) ? [name] : []));
    }

    test("the password opens for what works with the repository, and for nothing that only watches", () => {
      const wrap = `\${${theOne(kopia().vault, "AWS::KMS::Key", "VaultWrappingKey")[0]}.Arn}`;
      const context = { "kms:EncryptionContext:cluster": "kopia-repository" };
      expect(who("kms:Decrypt", wrap, context)).toEqual(["backup", "verify", "keeper", "maintain"]);
      expect(who("s3:GetObject", `${VAULT}/kopia/1.json`)).toEqual(["backup", "verify", "keeper", "maintain"]);
      expect(who("s3:PutObject", `${VAULT}/kopia/2.json`)).toEqual([]);
      // What was sealed for the cluster is for its verifier alone, as ever.
      expect(who("kms:Decrypt", wrap, { "kms:EncryptionContext:cluster": "prod" })).toEqual(["verify"]);
    });

    test("who verifies reads blobs and writes none; the maintenance alone removes them", () => {
      const pack = `${BLOBS}/etcd/p0123456789abcdef-s1`;
      expect(who("s3:GetObject", pack)).toEqual(["backup", "verify", "keeper", "maintain"]);
      expect(who("s3:PutObject", pack)).toEqual(["backup", "keeper", "maintain"]);
      expect(who("s3:DeleteObject", pack)).toEqual(["maintain"]);
      expect(who("s3:DeleteObject", `${BLOBS}/etcd/s0123456789abcdef`)).toEqual(["backup", "keeper", "maintain"]);
      for (const action of ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]) expect(who(action, `${BLOBS}/other/p01`)).toEqual([]);
      expect(who("s3:DeleteObjectVersion", pack)).toEqual([]);
      expect(who("s3:BypassGovernanceRetention", pack)).toEqual([]);
    });

    test("blobs are locked for as long as the configuration says, and no longer", () => {
      const pack = `${BLOBS}/etcd/p0`;
      const days = (count: number) => ({ "s3:object-lock-remaining-retention-days": String(count) });
      expect(who("s3:PutObjectRetention", pack, days(30))).toEqual(["backup", "keeper", "maintain"]);
      expect(who("s3:PutObjectRetention", pack, days(60))).toEqual([]);
    });

    test("the maintenance says and signs nothing, and the backup puts no data beside the repository", () => {
      expect(who("s3:PutObject", `${VAULT}/clusters/prod/data/x`)).toEqual([]);
      expect(who("s3:PutObject", `${VAULT}/clusters/prod/snapshots/x`)).toEqual(["backup"]);
      const actions = rolesOf().maintain.flatMap(({ Action }) => Action);
      expect(actions.filter((action) => /^kms:(?!Decrypt)|\*/.test(action))).toEqual([]);
      expect(who("s3:GetObject", `${VAULT}/clusters/prod/snapshots/x`)).not.toContain("maintain");
    });

    test("each of them has kopia in a layer, and room for it", () => {
      const { service, keeper, templates } = kopia();
      const functions = [...ofType(service, "AWS::Lambda::Function"), ...ofType(keeper, "AWS::Lambda::Function")];
      const withLayer = functions
        .filter(([, { Properties }]) => Properties["Layers"] !== undefined)
        .map(([id]) => id.replace(/[0-9A-F]{8}$/, ""));
      expect(withLayer.toSorted()).toEqual([
        "KeeperFunction",
        "KeeperMaintenanceMaintainFunction",
        "prodBackupFunction",
        "prodVerifyFunction",
      ]);
      expect(theOne(service, "AWS::Lambda::Function", "prodBackupFunction")[1].Properties["MemorySize"]).toBe(2089);
      expect(templates.flatMap((each) => ofType(each, "AWS::Lambda::LayerVersion"))).toHaveLength(2);
    });

    test("the maintenance runs each day, and its failure is an alarm", () => {
      const { keeper } = kopia();
      const daily = ofType(keeper, "AWS::Scheduler::Schedule").filter(([id]) => id.startsWith("KeeperMaintenance"));
      expect(daily.map(([, { Properties }]) => [Properties["ScheduleExpression"], Properties["Target"]])).toMatchObject([
        ["rate(1 day)", { Input: "{}" }],
      ]);
      const [, alarm] = theOne(keeper, "AWS::CloudWatch::Alarm", "KeeperMaintenance");
      expect(alarm.Properties).toMatchObject({ AlarmName: "dedup-maintenance-errors", MetricName: "Errors", Threshold: 1 });
      expect(alarm.Properties["AlarmDescription"]).toContain("#alarm-the-maintenance-of-the-kopia-repository-failed");
    });

    test("cdk-nag finds nothing", () => {
      expect(kopia().report).not.toContain("AwsSolutions");
    });

    test("the layer is the program, as bin/kopia", async () => {
      const assets = JSON.parse(await readFile(join(kopia().out, "dedup-service.assets.json"), "utf8")) as unknown;
      const { files } = z.object({ files: z.record(z.string(), z.object({ source: z.object({ path: z.string() }) })) }).parse(assets);
      const paths = Object.values(files).map(({ source }) => join(kopia().out, source.path, "bin/kopia"));
      const found = (await Promise.all(paths.map((path) => readFile(path).catch(() => undefined)))).filter((each) => each !== undefined);
      expect(found).toEqual([KOPIA_ARM64]);
      const [path = ""] = (
        await Promise.all(paths.map(async (each) => ((await readFile(each).catch(() => undefined)) === undefined ? [] : [each])))
      ).flat();
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    });

    test.each([
      ["that is not there", undefined, sha256(KOPIA_ARM64), /cannot read kopia for the functions: ENOENT/],
      ["that is another one", KOPIA_ARM64, "0".repeat(64), /has the SHA-256 [0-9a-f]{64}, and service\.kopia\.sha256 says 0{64}/],
      ["for another machine", elf(X86_64), sha256(elf(X86_64)), /is no program for linux-arm64/],
      ["that is an archive", Buffer.from("\u001f\u008b..."), sha256(Buffer.from("\u001f\u008b...")), /is no program for linux-arm64/],
    ])("a program %s is refused", async (what, bytes, hash, message) => {
      const path = join(folder(), `kopia ${what}`);
      if (bytes !== undefined) await writeFile(path, bytes);
      expect(() => kopiaLayer(new Stack(new App(), "Test"), "Layer", { path, sha256: hash })).toThrow(message);
    });
  });
}
