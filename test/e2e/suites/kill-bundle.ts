import { readdir, readFile, rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUNDLE_PHASES } from "../../../shared/jobs/bundle/make.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { newIdentity } from "../../../shared/seal/age.ts";
import { newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { signalled } from "../../support/signalled.ts";
import { fitting } from "../../support/matchers.ts";

/** kill -9 and Ctrl-C of the real process at every phase of a bundle: nothing stands that passes for one. */

/** Two tars and the record, and bytes of the files: within the payload, within the first tar and in the last signature. */
const MOMENTS = [
  ...BUNDLE_PHASES.map((phase) => `phase ${phase}`),
  "sign 1",
  "sign 2",
  "sign 3",
  "bytes 1",
  "bytes 5000000",
  "bytes 60000000",
];
/** The others are in the exhaustive suite. */
const SOME: ReadonlySet<string> = new Set(["phase record", "sign 2", "bytes 5000000"]);

/** `all`: every phase and moment. */
export function killBundleTests({ all }: { readonly all: boolean }): void {
  let cluster: EtcdCluster;
  let folder: TemporaryFolder;
  let place: Place;
  beforeAll(async () => {
    cluster = await startCluster({ version: "3.6" });
    folder = await temporaryFolder();
    place = await newPlace(cluster, folder.path, "kill-bundle");
    expect(await place.here("backup", "prod")).toMatchObject({ code: 0 });
    const [one, two] = [await newIdentity(), await newIdentity()];
    await place.edit("lifeboat.yaml", (text) => `${text}recipients: { cp-1: "${one.recipient}", cp-2: "${two.recipient}" }\n`);
  });
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  const LINE = ["bundle", "prod/latest", "--recipient", "cp-1", "--recipient", "cp-2", "--out", "out", "--with-payload"];
  const here = async (): Promise<readonly string[]> => (await readdir(place.path("."))).filter((name) => name.includes("out"));
  const events = async (): Promise<readonly string[]> => {
    const { stdout } = await place.here("custody", "prod", "--json");
    return (JSON.parse(stdout) as { records: readonly { event: string }[] }).records.map(({ event }) => event);
  };

  test.each(all ? MOMENTS : MOMENTS.filter((each) => SOME.has(each)))("kill -9 at %s", async (moment) => {
    const before = await events();
    expect(await signalled("SIGKILL", moment, LINE, place.options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
    const left = await here();
    expect(
      left.every((name) => /^\.out\..+\.partial$/.test(name)),
      left.join(),
    ).toBe(true);
    for (const name of left)
      expect(await place.here("bundle", "--inspect", name)).toMatchObject({
        code: 2,
        stderr: fitting(/left by a lifeboat bundle that was killed/),
      });
    expect(await place.here("bundle", "--inspect", "out")).toMatchObject({ code: 2 });
    // Whoever got something is on record, and the log holds.
    const added = (await events()).slice(before.length);
    expect(added).toEqual(moment.startsWith("bytes") || moment === "phase files" ? ["bundle"] : []);
    expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
  });

  const PUBLISH = ["bundle", "prod/latest", "--recipient", "cp-1", "--recipient", "cp-2", "--publish"];

  /** What is published, in folders as --inspect takes them: the files of each run. */
  const published = async (): Promise<readonly string[]> => {
    const root = place.path("vault/bundles/prod");
    const found = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    return [...new Set(found.filter((each) => each.isFile()).map(({ parentPath }) => parentPath))];
  };

  test.each(all ? ["phase files", "bytes 1", "bytes 60000000"] : ["bytes 60000000"])(
    "kill -9 at %s of --publish leaves no pair that passes and is not whole",
    async (moment) => {
      expect(await signalled("SIGKILL", moment, PUBLISH, place.options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
      const left = await published();
      for (const path of left) {
        const names = await readdir(path);
        const { code, stdout, stderr } = await place.here("bundle", "--inspect", path);
        const pairs = names.filter((name) => name.endsWith(".tar") && names.includes(`${name}.sig`));
        expect({ isTaken: code === 0 || code === 6, pairs, said: stdout + stderr }).toMatchObject({ isTaken: false, pairs: [] });
        await rm(path, { recursive: true });
      }
      expect(await place.here("bundle", "prod/latest", "--renew")).toMatchObject({ code: 2 });
      expect(await place.here("custody", "prod", "--verify")).toMatchObject({ code: 0 });
    },
  );

  test("Ctrl-C of --publish takes back what it put", async () => {
    expect(await signalled("SIGINT", "bytes 60000000", PUBLISH, place.options)).toMatchObject({ code: 130, stdout: "" });
    expect(await published()).toEqual([]);
    expect((await events()).slice(-2)).toEqual(["bundle", "failed"]);
  });

  test("the next run removes what was left, and its bundle is whole", async () => {
    const { code, stderr } = await place.here(...LINE);
    expect({ code, stderr }).toEqual({ code: 0, stderr: fitting(/removed .*\.partial, left by a killed lifeboat bundle/) });
    expect(await here()).toEqual(["out"]);
    expect(await place.here("bundle", "--inspect", "out")).toMatchObject({ code: 0 });
    expect((await readFile(place.path("out/bundle.pub"), "utf8")).startsWith("-----BEGIN PUBLIC KEY-----\n")).toBe(true);
  });

  test("Ctrl-C ends with 130 and leaves nothing; the log says that it failed", async () => {
    await rm(place.path("out"), { recursive: true });
    expect(await signalled("SIGINT", "bytes 5000000", LINE, place.options)).toMatchObject({ code: 130, stdout: "" });
    expect(await here()).toEqual([]);
    expect((await events()).slice(-2)).toEqual(["bundle", "failed"]);
  });
}
