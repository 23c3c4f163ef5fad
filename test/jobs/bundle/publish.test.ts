import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { signUrls } from "../../../shared/jobs/bundle/urls.ts";
import type { BundleUrls } from "../../../shared/jobs/bundle/urls.ts";
import type { MadeBundle } from "../../../shared/jobs/bundle/make.ts";
import type { StoreOutput } from "../../../shared/jobs/bundle/publish.ts";
import { renewUrls } from "../../../shared/jobs/bundle/renew.ts";
import type { RenewRequest } from "../../../shared/jobs/bundle/renew.ts";
import type { BlobLock } from "../../../shared/store/blob-store.ts";
import { failureOf, keys as keysIn, once } from "../../support/blobs.ts";
import { folderOfPublished, inspectIn, newRecipient, publishIn } from "../../support/bundles-made.ts";
import type { TestRecipient } from "../../support/bundles-made.ts";
import { saying } from "../../support/matchers.ts";
import { bytesAt, CLUSTER, custodyOf, makeTestKeys, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { findingsIn, historyOf } from "../prune/history.ts";

const two = historyOf(2);
const DAY_MS = 86_400_000;
let keys: TestKeys;
let vault: TestVault;
let [older, id] = ["", ""];
let nodes: readonly TestRecipient[];
beforeAll(async () => {
  keys = await makeTestKeys();
  nodes = [await newRecipient("cp-1"), await newRecipient("cp-2")];
});
afterAll(() => keys.remove());
beforeEach(async () => {
  const history = await two(keys, { versions: true, urls: true });
  vault = history.vault;
  [older = "", id = ""] = history.ids;
});

const ref = (): string => `${CLUSTER}/${id}`;
const signal = new AbortController().signal;
const publish = async (at = id): Promise<{ readonly made: MadeBundle; readonly output: StoreOutput }> =>
  publishIn(vault, `${CLUSTER}/${at}`, nodes);
const published = (): Promise<readonly string[]> => keysIn(vault.blobs, "bundles/");
const renew = (fields: Partial<RenewRequest> = {}): ReturnType<typeof renewUrls> =>
  renewUrls(vault, { ref: ref(), time: undefined, recipients: [], validMs: DAY_MS, signal, ...fields });
const urlsOf = async ({ made, output }: Awaited<ReturnType<typeof publish>>): Promise<BundleUrls> => {
  const urls = await signUrls(vault.blobs, { files: output.files, payload: made.plan.payload, until: made.plan.expiresAt, signal });
  if (urls === undefined) throw new Error("there are no addresses");
  return urls;
};

describe("a published bundle", () => {
  test("stands beside the clusters, whole, put once, its signatures last, and the log stays clean", async () => {
    const { made, output } = await publish();
    const folder = `bundles/${CLUSTER}/${id}/${made.time}/`;
    const names = ["bundle.pub", "cp-1.tar", "cp-2.tar", "cp-1.tar.sig", "cp-2.tar.sig"];
    expect(output.files.map(({ key }) => key)).toEqual(names.map((name) => `${folder}${name}`));
    expect(await published()).toEqual(names.map((name) => `${folder}${name}`).toSorted());
    expect(await inspectIn(vault, folderOfPublished(vault))).toMatchObject({ faults: [], controls: [{ faults: [] }, { faults: [] }] });
    expect(custodyOf(vault).at(-1)?.details.bundle).toMatchObject({ published: true, time: made.time });
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("of the same second takes the next free time", async () => {
    const [first, second, third] = [await publish(), await publish(), await publish()];
    expect([second.made.time, third.made.time]).toEqual([`${first.made.time}-2`, `${first.made.time}-3`]);
    expect(await published()).toHaveLength(15);
  });

  test("of the same moment as another's is refused, and the other stays as it is", async () => {
    vault.blobs.inject({
      call: "put",
      key: /bundle\.pub$/,
      fault: { kind: "error", error: new LifeboatError("store/exists", "it is there") },
    });
    expect(await failureOf(publish())).toMatchObject({ code: "busy", hint: "run the command again" });
    expect(await published()).toEqual([]);
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "failed", details: { code: "busy" } });
  });

  test("has addresses that give these very versions, as long as the plan and what signs them last", async () => {
    const done = await publish();
    const urls = await urlsOf(done);
    expect(urls.until).toEqual(done.made.plan.expiresAt);
    for (const { name, key } of done.output.files) {
      const was = bytesAt(vault, key);
      await vault.blobs.put(key, once("somebody's own"));
      expect(Buffer.from(vault.blobs.open(urls.of.get(name) ?? "") ?? []).equals(was)).toBe(true);
    }
    const { key } = done.made.plan.payload;
    const data = bytesAt(vault, key);
    await vault.blobs.put(key, once("another"));
    expect(Buffer.from(vault.blobs.open(urls.of.get(key.slice(key.lastIndexOf("/") + 1)) ?? "") ?? []).equals(data)).toBe(true);
    vault.blobs.sessionEnds = new Date(vault.clock.now().getTime() + 60_000);
    expect((await urlsOf(done)).until).toEqual(vault.blobs.sessionEnds);
  });
});

describe("a run that does not come to its end", () => {
  const STEPS = ["bundle.pub", "cp-1.tar", "cp-2.tar", "cp-1.tar.sig", "cp-2.tar.sig"];

  test.each(STEPS)("because the store fails at %s leaves nothing, and the log says so", async (name) => {
    vault.blobs.inject({ call: "put", key: new RegExp(`/${name.replaceAll(".", String.raw`\.`)}$`), fault: { kind: "error" } });
    expect(await failureOf(publish())).toMatchObject({ code: "store/failed" });
    expect(vault.blobs.pendingFaults).toEqual([]);
    expect(await published()).toEqual([]);
    const [announced, failed] = custodyOf(vault).slice(-2);
    expect([announced?.event, failed?.event, failed?.details.of]).toEqual(["bundle", "failed", announced?.sequence]);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test.each([
    ["store/denied", undefined, "which this role may not remove"],
    [
      "store/locked",
      { until: new Date("2026-12-24T00:00:00Z"), legalHold: false } satisfies BlobLock,
      "locked until 2026-12-24T00:00:00.000Z",
    ],
  ] as const)("and may remove nothing (%s) says what is left, which is no bundle", async (code, lock, why) => {
    vault.blobs.inject({ call: "put", key: /cp-2\.tar$/, fault: { kind: "error" } });
    const error = new LifeboatError(code, "no", lock === undefined ? {} : { lock });
    vault.blobs.inject({ call: "remove", key: /bundles\//, fault: { kind: "error", error } });
    expect(await failureOf(publish())).toMatchObject({ code: "store/failed", hint: saying(`2 files are left in bundles/prod/${id}/`) });
    vault.blobs.inject({ call: "put", key: /cp-2\.tar$/, fault: { kind: "error" } });
    vault.blobs.inject({ call: "remove", key: /bundles\//, fault: { kind: "error", error } });
    expect(await failureOf(publish())).toMatchObject({ hint: saying(why) });
    const { controls } = await inspectIn(vault, folderOfPublished(vault));
    expect(controls.every(({ faults }) => faults.length > 0)).toBe(true);
    expect(await failureOf(renew())).toMatchObject({ code: "ref/not-found", message: saying("failed while it was published") });
  });

  test.each(STEPS.map((name, index) => [name, index] as const))(
    "killed at %s leaves no pair that passes and is not whole",
    async (name, at) => {
      // Whoever is killed takes nothing back, and writes no last words.
      const dead = { kind: "error", error: new LifeboatError("store/failed", "killed") } as const;
      vault.blobs.inject({ call: "put", key: new RegExp(`/${name.replaceAll(".", String.raw`\.`)}$`), fault: dead });
      vault.blobs.inject({ call: "remove", key: /bundles\//, fault: dead });
      await failureOf(publish());
      expect(await published()).toHaveLength(at);
      if (at < 2) {
        expect(await failureOf(inspectIn(vault, folderOfPublished(vault)))).toBeInstanceOf(LifeboatError);
        return;
      }
      const { controls } = await inspectIn(vault, folderOfPublished(vault));
      expect(controls.filter(({ faults }) => faults.length === 0).map(({ file }) => file)).toEqual(at === 4 ? ["cp-1.tar"] : []);
    },
  );

  test("interrupted takes back what it put", async () => {
    const stop = new AbortController();
    const put = vault.blobs.put.bind(vault.blobs);
    vault.blobs.put = (key, body, options) => {
      if (key.endsWith("cp-1.tar.sig")) stop.abort(new Error("SIGTERM"));
      return put(key, body, options);
    };
    expect(await failureOf(publishIn(vault, ref(), nodes, { signal: stop.signal }))).toMatchObject({ code: "interrupted" });
    expect(await published()).toEqual([]);
  });
});

describe("renewed addresses", () => {
  test("are those of the newest bundle, with all that was told of it, and nothing is written", async () => {
    await publish();
    vault.clock.advance(3_600_000);
    const { made } = await publish();
    vault.clock.advance(3_600_000);
    const before = [...vault.blobs.objects.keys()];
    const { bundle, urls } = await renew();
    expect([...vault.blobs.objects.keys()]).toEqual(before);
    expect(bundle).toMatchObject({
      time: made.time,
      planDigest: made.planDigest,
      revisionAfter: made.revisionAfter,
      custody: made.custody,
      bundleKey: { fingerprint: made.bundleKey.fingerprint },
      warnings: [],
    });
    expect(bundle.plan).toEqual(made.plan);
    expect(bundle.controls).toEqual(
      made.controls.map(({ recipient: { name, key, enrolled }, bytes, digest }) => ({ recipient: { name, key, enrolled }, bytes, digest })),
    );
    expect(urls.until).toEqual(new Date(vault.clock.now().getTime() + DAY_MS));
    expect(urls.of.size).toBe(6);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("read the plan alone, not the tars", async () => {
    const { made } = await publish();
    const read = vault.blobs.bytesRead;
    await renew();
    expect(made.controls[0]?.bytes).toBeGreaterThan(20_000);
    expect(vault.blobs.bytesRead - read).toBeLessThan(200_000);
  });

  test("are for a cluster those of the bundle that was published last, and by --time of an older one, for some recipients", async () => {
    const first = await publish();
    vault.clock.advance(60_000);
    const last = await publish(older);
    expect((await renew({ ref: CLUSTER })).bundle).toMatchObject({ time: last.made.time, plan: { manifest: { id: older } } });
    const some = await renew({ time: first.made.time, recipients: ["cp-2"] });
    expect(some.bundle.controls.map(({ recipient }) => recipient.name)).toEqual(["cp-2"]);
    expect([...some.urls.of.keys()]).toEqual(["bundle.pub", "cp-2.tar", "cp-2.tar.sig", expect.stringMatching(/\.age$/)]);
  });

  test("are of what was put first, whatever was put over it or hides it", async () => {
    const { made, output } = await publish();
    const tar = output.files.find(({ name }) => name === "cp-1.tar")?.key ?? "";
    const was = bytesAt(vault, tar);
    await vault.blobs.put(tar, once("planted"));
    vault.blobs.hide(`${tar}.sig`);
    const { urls } = await renew();
    expect(Buffer.from(vault.blobs.open(urls.of.get("cp-1.tar") ?? "") ?? []).equals(was)).toBe(true);
    expect(vault.blobs.open(urls.of.get("cp-1.tar.sig") ?? "")).toHaveLength(made.controls[0]?.signature.length ?? 0);
  });

  test.each([
    [DAY_MS - 3_600_000, "the plan expires at "],
    [DAY_MS + 1000, "the plan expired at "],
  ])("%i ms after the plan was made warn of its end", async (ms, text) => {
    await publish();
    vault.clock.advance(ms);
    expect((await renew()).bundle.warnings).toEqual([saying(text)]);
  });

  test("pass over a bundle that is not whole, with a warning", async () => {
    const { made } = await publish();
    vault.clock.advance(60_000);
    const broken = await publish();
    await vault.blobs.remove(broken.output.files.at(-1)?.key ?? "");
    const { bundle } = await renew();
    expect(bundle).toMatchObject({ time: made.time, warnings: [saying(`bundle ${broken.made.time} was passed over: `)] });
    expect(await failureOf(renew({ time: broken.made.time }))).toMatchObject({ code: "verify/missing", message: saying("cp-2.tar.sig") });
  });

  test.each([
    ["nothing is published", () => Promise.resolve(), {}, "ref/not-found", "no bundle of prod/"],
    ["nothing of the cluster is", () => Promise.resolve(), { ref: CLUSTER }, "ref/not-found", "no bundle of prod is published"],
    ["none of that time is", publish, { time: "20200101T000000Z" }, "ref/not-found", "no bundle 20200101T000000Z of prod/"],
    ["it is not for that recipient", publish, { recipients: ["cp-9"] }, "usage", "was not made for cp-9"],
  ] as const)("are refused where %s", async (_, build, fields, code, text) => {
    await build();
    expect(await failureOf(renew(fields))).toMatchObject({ code, message: saying(text), hint: expect.any(String) as unknown });
  });

  test("are refused for what the custody log does not know, and for another plan or key than it has", async () => {
    const { made, output } = await publish();
    const copy = (name: string): string => `bundles/${CLUSTER}/${id}/20300101T000000Z/${name}`;
    for (const { name, key } of output.files) plant(vault, copy(name), bytesAt(vault, key));
    const planted = await failureOf(renew({ time: "20300101T000000Z" }));
    expect(planted).toMatchObject({ code: "verify/untrusted", message: saying("the custody log of prod does not tell of ") });
    expect((await renew()).bundle.time).toBe(made.time);
    const first = output.files.find(({ name }) => name === "cp-1.tar")?.key ?? "";
    const tar = bytesAt(vault, first);
    tar.write("X", 600);
    plant(vault, first, tar);
    expect(await failureOf(renew())).toMatchObject({ code: "verify/digest" });
  });

  test("are refused where the data is gone, and in a store that gives none", async () => {
    const { made } = await publish();
    const { key } = made.plan.payload;
    await vault.blobs.remove(key);
    expect(await failureOf(renew())).toMatchObject({ code: "verify/missing", message: saying(key) });
    vault = (await two(keys)).vault;
    await publish();
    expect(await failureOf(renew())).toMatchObject({ code: "usage", message: saying("gives no addresses") });
  });
});
