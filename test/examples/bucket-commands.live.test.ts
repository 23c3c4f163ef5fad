import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { z } from "zod";
import { judgeBucket } from "../../shared/jobs/doctor/judge-bucket.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";

/** The commands of docs/cli.md, run by a shell with an `aws` that only notes what it was given: doctor finds nothing wrong with what they set. */

const lockSchema = z.object({
  ObjectLockEnabled: z.literal("Enabled"),
  Rule: z.object({ DefaultRetention: z.object({ Mode: z.literal("GOVERNANCE"), Days: z.number() }) }),
});
const encryptionSchema = z.object({
  Rules: z.tuple([z.object({ ApplyServerSideEncryptionByDefault: z.object({ SSEAlgorithm: z.string() }) })]),
});
const lifecycleSchema = z.object({
  Rules: z.tuple([
    z.strictObject({
      ID: z.string(),
      Status: z.literal("Enabled"),
      Filter: z.strictObject({ Prefix: z.string() }),
      AbortIncompleteMultipartUpload: z.object({ DaysAfterInitiation: z.number() }),
    }),
  ]),
});

test("the commands of docs/cli.md make a bucket with which doctor finds nothing wrong", async () => {
  const docs = await readFile(new URL("../../docs/cli.md", import.meta.url), "utf8");
  const block = /### A bucket for the store\n[^]*?```sh\n([^]*?)```/.exec(docs)?.[1]?.replace("PREFIX=\n", "PREFIX=etcd/\n") ?? "";
  const folder = await temporaryFolder();
  try {
    const script = '#!/bin/sh\nprintf "%s\\n" "$@" >> calls\necho >> calls\n';
    for (const name of ["aws", "lifeboat"]) {
      await writeFile(join(folder.path, name), script);
      await chmod(join(folder.path, name), 0o755);
    }
    await execa("sh", ["-eu", "-c", block], { cwd: folder.path, env: { PATH: `${folder.path}:${process.env["PATH"] ?? ""}` } });
    const calls = (await readFile(join(folder.path, "calls"), "utf8"))
      .trimEnd()
      .split("\n\n")
      .map((call) => call.split("\n"));
    expect(calls.pop()).toEqual(["doctor", "--store"]);
    const given = (call: string, flag: string): string => {
      const words = calls.find(([service, name]) => service === "s3api" && name === call) ?? [];
      expect(words).toContain("my-etcd-backups");
      return words[words.indexOf(flag) + 1] ?? "";
    };
    const json = (call: string, flag: string): unknown => JSON.parse(given(call, flag));

    expect(calls[0]).toContain("--object-lock-enabled-for-bucket");
    expect(given("create-bucket", "--create-bucket-configuration")).toBe("LocationConstraint=eu-central-1");
    expect(given("put-bucket-versioning", "--versioning-configuration")).toBe("Status=Enabled");
    const lock = lockSchema.parse(json("put-object-lock-configuration", "--object-lock-configuration"));
    const [rule] = lifecycleSchema.parse(json("put-bucket-lifecycle-configuration", "--lifecycle-configuration")).Rules;
    const [encryption] = encryptionSchema.parse(json("put-bucket-encryption", "--server-side-encryption-configuration")).Rules;
    expect(given("put-bucket-policy", "--policy")).toBe("file://policy.json");

    const findings = judgeBucket("store", {
      kind: "bucket",
      bucket: "my-etcd-backups",
      region: "eu-central-1",
      prefix: "etcd/",
      endpoint: undefined,
      namesOwner: true,
      ownLock: undefined,
      versioning: "enabled",
      objectLock: { retention: { mode: "governance", days: lock.Rule.DefaultRetention.Days } },
      publicAccessBlock: given("put-public-access-block", "--public-access-block-configuration")
        .split(",")
        .flatMap((each) => (each.endsWith("=true") ? [each.slice(0, -"=true".length)] : [])),
      policy: await readFile(join(folder.path, "policy.json"), "utf8"),
      lifecycle: [
        {
          id: rule.ID,
          prefix: rule.Filter.Prefix,
          isNarrowed: false,
          abortsUploadsAfterDays: rule.AbortIncompleteMultipartUpload.DaysAfterInitiation,
          removes: [],
          movesTo: [],
        },
      ],
      encryption: { algorithm: encryption.ApplyServerSideEncryptionByDefault.SSEAlgorithm, key: undefined },
      ownership: /ObjectOwnership=(\w+)/.exec(given("put-bucket-ownership-controls", "--ownership-controls"))?.[1],
    });
    expect(findings).toEqual([]);
  } finally {
    await folder.remove();
  }
});
