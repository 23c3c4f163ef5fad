import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KopiaRepository } from "../../../shared/store/kopia/program/kopia.ts";
import { configurationOf, createFlags, environmentOf } from "../../../shared/store/kopia/program/command-line.ts";
import { saying } from "../../support/matchers.ts";
import { skipWithout } from "../../support/programs.ts";
import { describeProgram, putSnapshot } from "./program-suite.ts";
import { bucketPlace, filesBySize, folderPlace, PASSWORD } from "./program-under-test.ts";
import type { KopiaPlace } from "./program-under-test.ts";

/** A real kopia, where LIFEBOAT_TEST_KOPIA names one. */
const DAY_MS = 86_400_000;
const { LIFEBOAT_TEST_KOPIA: program = "" } = process.env;

/** What `kopia repository connect` itself writes of the repository in `place`. */
async function writtenByKopia({ repository, temporary }: KopiaPlace): Promise<unknown> {
  const file = join(temporary, "of-kopia.config");
  const flags = createFlags(repository, { splitter: "FIXED-128K" }).slice(2, -1);
  const aws = repository.kind === "s3" ? await repository.credentials() : undefined;
  const env = environmentOf(process.env, temporary, { password: PASSWORD, aws });
  await execa(program, [`--config-file=${file}`, "repository", "connect", ...flags], { env, extendEnv: false });
  return JSON.parse(await readFile(file, "utf8"));
}

describe.skipIf(skipWithout("kopia", program !== ""))("against a real kopia", () => {
  describe("in a folder", () => {
    describeProgram(() => folderPlace(program), program);
  });
  describe("in a bucket", () => {
    describeProgram(() => bucketPlace(program), program);
  });

  test("a bucket under Object Lock: blobs are locked as they are written, and maintenance extends that", async () => {
    await using place = await bucketPlace(program, { lock: true });
    const client = place.client();
    await using kopia = await place.open();
    await kopia.create({ splitter: "FIXED-128K", retention: { mode: "governance", days: 2 } });
    await putSnapshot(kopia, randomBytes(3_000_000), { cluster: "prod" });
    expect((await kopia.status()).blobRetention).toEqual({ mode: "governance", periodMs: 2 * DAY_MS });
    const { bucket = "", prefix = "" } = place.repository.kind === "s3" ? place.repository : {};
    const pack = (await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}p` }))).Contents?.[0]?.Key ?? "";
    const lockedDays = async (): Promise<number> => {
      const { ObjectLockMode, ObjectLockRetainUntilDate } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: pack }));
      expect(ObjectLockMode).toBe("GOVERNANCE");
      return ((ObjectLockRetainUntilDate?.getTime() ?? 0) - Date.now()) / DAY_MS;
    };
    expect(await lockedDays()).toBeCloseTo(2, 2);
    await kopia.setRetention({ mode: "governance", days: 5 });
    await kopia.maintenanceRun("full");
    const { extendObjectLocks, runs } = await kopia.maintenanceInfo();
    expect(extendObjectLocks).toBe(true);
    const extension = runs.find(({ task }) => task === "extend-blob-retention-time");
    expect(extension).toMatchObject({ success: true });
    expect(extension?.counts["extendedBlobCount"]).toBeGreaterThan(0);
    expect(await lockedDays()).toBeCloseTo(5, 2);
    client.destroy();
  });

  test("a copy from one server to another, each with credentials of its own, and to a folder", async () => {
    await using from = await bucketPlace(program);
    await using to = await bucketPlace(program);
    await using folder = await folderPlace(program);
    await using kopia = await from.open();
    await kopia.create({ splitter: "FIXED-128K" });
    const made = await putSnapshot(kopia, randomBytes(3_000_000), { cluster: "prod" });
    for (const at of [to.copyAt, folder.copyAt]) {
      await kopia.syncTo(at, { mustExist: false });
      await using copy = await (at.kind === "s3" ? to : folder).open({ repository: at });
      expect(await copy.list({ cluster: "prod" })).toEqual([made]);
      await copy.verify([made.id], "every byte");
    }
    const bucket = to.copyAt.kind === "s3" ? to.copyAt : undefined;
    const { accessKeyId = "" } = (await bucket?.credentials()) ?? {};
    const secretAccessKey = "a secret that is wrong";
    const wrong = { ...to.copyAt, credentials: async () => ({ accessKeyId, secretAccessKey }) } as KopiaRepository;
    const refused: unknown = await kopia.syncTo(wrong, { mustExist: true }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "store/denied", message: saying("the storage refused") });
    expect(String(refused)).not.toContain(secretAccessKey);
    await expect(
      kopia.syncTo({ ...to.copyAt, endpoint: "http://127.0.0.1:1" } as KopiaRepository, { mustExist: false }),
    ).rejects.toMatchObject({
      code: "store/failed",
      message: saying("could not be reached"),
    });
  });

  test("a changed blob of the repository does not go over the one in the copy", async () => {
    await using place = await folderPlace(program);
    await using kopia = await place.open();
    await kopia.create({ splitter: "FIXED-128K" });
    const made = await putSnapshot(kopia, randomBytes(3_000_000), { cluster: "prod" });
    await kopia.syncTo(place.copyAt, { mustExist: false });
    await place.damage();
    await kopia.syncTo(place.copyAt, { mustExist: true });
    await expect(kopia.verify([made.id], "every byte")).rejects.toMatchObject({ code: "verify/checksum" });
    await using copy = await place.open({ repository: place.copyAt });
    await copy.verify([made.id], "every byte");
  });

  describe("errors of a folder", () => {
    let place: KopiaPlace;
    beforeAll(async () => {
      place = await folderPlace(program);
    });
    afterAll(() => place[Symbol.asyncDispose]());

    test("no folder, no repository, a pack that is gone", async () => {
      await using kopia = await place.open();
      await expect(kopia.status()).rejects.toMatchObject({ code: "store/missing" });
      await kopia.create({ splitter: "FIXED-128K" });
      expect(await writtenByKopia(place)).toMatchObject(JSON.parse(configurationOf(place.repository)));
      const made = await putSnapshot(kopia, randomBytes(3_000_000), { cluster: "prod" });
      const [pack = ""] = await filesBySize(place.files);
      await rm(pack);
      await expect(Array.fromAsync(kopia.show(made.object, "snapshot.db"))).rejects.toMatchObject({ code: "verify/missing" });
      await expect(kopia.verify([made.id], "every byte")).rejects.toMatchObject({ code: "verify/missing" });
      await rm(place.files, { recursive: true });
      await expect(kopia.list({})).rejects.toMatchObject({ code: "store/missing" });
    });
  });

  describe("errors of a bucket", () => {
    let place: KopiaPlace;
    beforeAll(async () => {
      place = await bucketPlace(program);
      await using kopia = await place.open();
      await kopia.create({ splitter: "FIXED-128K" });
    });
    afterAll(() => place[Symbol.asyncDispose]());

    test("the configuration is what kopia's own connect writes", async () => {
      expect(await writtenByKopia(place)).toMatchObject(JSON.parse(configurationOf(place.repository)));
    });

    async function accessKeyId(): Promise<string> {
      return place.repository.kind === "s3" ? (await place.repository.credentials()).accessKeyId : "";
    }

    function other(change: object): KopiaRepository {
      return { ...place.repository, ...change };
    }

    test.each([
      ["another prefix", { prefix: "other/" }, "store/missing", "there is no Kopia repository"],
      ["another bucket", { bucket: "no-such-bucket" }, "store/missing", "there is no Kopia repository"],
      ["a port where nobody listens", { endpoint: "http://127.0.0.1:1" }, "store/failed", "could not be reached"],
      [
        "a wrong secret",
        {
          credentials: async () => ({ accessKeyId: await accessKeyId(), secretAccessKey: "a wrong one" }),
        },
        "store/denied",
        "the storage refused",
      ],
    ])("%s", async (_name, change, code, message) => {
      await using kopia = await place.open({ repository: other(change) });
      await expect(kopia.status()).rejects.toMatchObject({ code, message: saying(message) });
    });
  });
});
