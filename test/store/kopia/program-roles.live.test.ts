import { randomBytes } from "node:crypto";
import { IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { App, Stack } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import { LayerVersion } from "aws-cdk-lib/aws-lambda";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kopiaStatements } from "../../../infra/constructs/kopia-access.ts";
import { openKopia } from "../../../shared/store/kopia/program/open-kopia.ts";
import type { Kopia } from "../../../shared/store/kopia/program/kopia.ts";
import { startMiniStack } from "../../../tools/lab/ministack.ts";
import type { MiniStack } from "../../../tools/lab/ministack.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { resolve } from "../../infra/support/template.ts";
import { clientConfig, newUser } from "../../support/iam-users.ts";
import type { Credentials } from "../../support/iam-users.ts";
import { skipWithout } from "../../support/programs.ts";
import { putSnapshot } from "./program-suite.ts";
import { PASSWORD } from "./program-under-test.ts";

/** The rights that the service gives its roles in the repository's bucket, enforced by an emulator: they suffice for what each does, and for no more. With a real kopia alone. */
const { LIFEBOAT_TEST_KOPIA: program = "" } = process.env;
const ROOT = { accessKeyId: "test", secretAccessKey: "test" };
const BUCKET = "kopia-repository";

describe.skipIf(skipWithout("kopia", program !== ""))("roles in the bucket of a Kopia repository", () => {
  let stack: MiniStack;
  let folder: TemporaryFolder;
  let users: Readonly<Record<"read" | "write" | "maintain", Credentials>>;
  const opened: Kopia[] = [];

  beforeAll(async () => {
    [stack, folder] = await Promise.all([startMiniStack({ auth: true }), temporaryFolder()]);
    const s3 = new S3Client({ ...(await clientConfig(stack, ROOT)), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    s3.destroy();
    const iam = new IAMClient(await clientConfig(stack, ROOT));
    const userOf = (does: "read" | "write" | "maintain"): Promise<Credentials> => newUser(iam, does, policyOf(does));
    users = { read: await userOf("read"), write: await userOf("write"), maintain: await userOf("maintain") };
    iam.destroy();
    await (await openAs(ROOT)).create({ splitter: "FIXED-128K" });
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    await stack.stop();
    await folder.remove();
  });

  async function openAs(credentials: Credentials): Promise<Kopia> {
    const { endpoint, region, caFile = "" } = stack;
    const kopia = await openKopia({
      program,
      repository: { kind: "s3", bucket: BUCKET, prefix: "etcd/", region, endpoint, credentials: () => Promise.resolve(credentials) },
      password: PASSWORD,
      environment: { PATH: process.env["PATH"], SSL_CERT_FILE: caFile },
      temporary: folder.path,
    });
    opened.push(kopia);
    return kopia;
  }

  test("what backs up writes, what verifies reads, what keeps removes, and the maintenance gives back", async () => {
    const [writer, reader, maintainer] = [await openAs(users.write), await openAs(users.read), await openAs(users.maintain)];
    const content = randomBytes(3_000_000);
    const made = await putSnapshot(writer, content, { cluster: "prod", snapshot: "one" });
    expect(Buffer.concat(await Array.fromAsync(reader.show(made.object, "snapshot.db"))).equals(content)).toBe(true);
    await reader.verify([made.id], "every byte");
    expect(await reader.list({ cluster: "prod" })).toEqual([made]);
    // The keeper has the writer's rights.
    await writer.pin(made.id, "lifeboat");
    const [pinned] = await writer.list({ cluster: "prod" });
    await writer.delete(pinned?.id ?? "");
    expect(await reader.list({ cluster: "prod" })).toEqual([]);
    await maintainer.maintenanceRun("full");
    expect((await maintainer.maintenanceInfo()).runs.filter(({ success }) => !success)).toEqual([]);
  });

  test("what verifies can neither write nor delete", async () => {
    const made = await putSnapshot(await openAs(users.write), randomBytes(1000), { cluster: "kept" });
    const reader = await openAs(users.read);
    await expect(putSnapshot(reader, randomBytes(1000), { cluster: "forged" })).rejects.toMatchObject({ code: "store/denied" });
    await expect(reader.delete(made.id)).rejects.toMatchObject({ code: "store/denied" });
    expect(await reader.list({})).toEqual([made]);
  });
});

/** What of the repository's bucket is in a role, as JSON. */
function policyOf(does: "read" | "write" | "maintain"): string {
  const stack = new Stack(new App(), "Policies");
  const key = Key.fromKeyArn(stack, "Key", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab");
  const vaultBucket = Bucket.fromBucketName(stack, "Vault", "vault");
  const vault = {
    bucket: vaultBucket,
    bucketArn: vaultBucket.bucketArn,
    prefix: "",
    lockDays: undefined,
    bucketKey: undefined,
    wrappingKey: key,
    retiredKeys: [],
    signingKeys: { snapshot: key, audit: key, bundle: key },
  };
  const layer = LayerVersion.fromLayerVersionArn(stack, "Layer", "arn:aws:lambda:eu-central-1:123456789012:layer:kopia:1");
  const statements = kopiaStatements(vault, { bucket: Bucket.fromBucketName(stack, "Repository", BUCKET), prefix: "etcd/", layer }, does);
  const Statement = statements.map((each) => resolve(stack.resolve(each.toStatementJson()), [])) as readonly { readonly Action: unknown }[];
  // Keys are not asked for here, and the emulator judges no context of them.
  return JSON.stringify({ Version: "2012-10-17", Statement: Statement.filter(({ Action }) => !JSON.stringify(Action).includes("kms:")) });
}
