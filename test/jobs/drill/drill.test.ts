import { describe, expect, test } from "vitest";
import { drillKey, drillsPrefix } from "../../../shared/documents/layout.ts";
import { openDocument } from "../../../shared/documents/signed-document.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import type { Workplace } from "../../../shared/host/workplace.ts";
import { drillJson } from "../../../shared/jobs/drill/document.ts";
import { drill } from "../../../shared/jobs/drill/drill.ts";
import type { DrillPorts, DrillResult } from "../../../shared/jobs/drill/drill.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf } from "../../support/vaults.ts";

/** What of a drill is decided before and after a restore; the restore itself is in test/e2e/drill.live.test.ts. */

const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;
const { vault } = useBuiltVault(async (building) => ({ manifest: (await backUp(building, { slot: "2026-11-21T10:00:00Z" })).manifest }));

/** A place in which nothing can be done but what the test says; `calls` tells what was. */
function placeIn(calls: string[], fields: Partial<Workplace>): Workplace {
  const refused = (name: string) => () => Promise.reject(new Error(`${name} is not expected`));
  return {
    folder: "/place",
    path: (name) => `/place/${name}`,
    makeFolder: refused("makeFolder"),
    write: refused("write"),
    read: refused("read"),
    link: (name, program) => Promise.resolve(void calls.push(`link ${name} ${program}`)),
    remove: refused("remove"),
    run: refused("run"),
    isRunning: refused("isRunning"),
    stop: refused("stop"),
    freePorts: () => Promise.resolve({ host: "127.1.2.3", ports: [1, 2] }),
    end: () => Promise.resolve(void calls.push("end")),
    ...fields,
  };
}

function run(
  calls: string[],
  fields: Partial<DrillPorts> & { readonly place?: Partial<Workplace> } = {},
  signal = new AbortController().signal,
): Promise<DrillResult> {
  const refused = (name: string) => (): never => {
    throw new Error(`${name} is not expected`);
  };
  const ports: DrillPorts = {
    ...vault,
    places: {
      open: (parent, bytes) => Promise.resolve((calls.push(`open ${parent} ${bytes > 600 * 2 ** 20}`), placeIn(calls, fields.place ?? {}))),
    },
    findEtcd: (minor) => Promise.resolve(`/etcd-${minor}/etcd`),
    bundleOf: refused("bundleOf"),
    decoder: { decode: refused("decode") },
    connectTo: refused("connectTo"),
    newIdentity: refused("newIdentity"),
    ...fields,
  };
  return drill(
    { ...ports, bundleOf: fields.bundleOf ?? (() => Promise.resolve(refused("a bundle"))) },
    { ref: REF, work: "/work", signal },
  );
}

const failing =
  (code: ErrorCode, message = "no") =>
  (): Promise<never> =>
    Promise.reject(new LifeboatError(code, message, { hint: "mend it" }));
const drills = (): Promise<readonly string[]> => keysIn(vault.blobs, drillsPrefix(CLUSTER));

describe("a drill that cannot begin leaves nothing", () => {
  test.each<[string, Partial<DrillPorts>, string]>([
    ["without an etcd of the minor", { findEtcd: failing("config/not-found", "etcd 3.6 was not found") }, "etcd 3.6 was not found"],
    ["without the desk's key", { bundleOf: failing("config/invalid", "the bundle key is not trusted") }, "the bundle key is not trusted"],
    ["without room", { places: { open: failing("store/full", "the disk is full") } }, "the disk is full"],
    ["without a trusted audit key", {}, "audit"],
  ])("%s", async (name, fields, message) => {
    const calls: string[] = [];
    const before = custodyOf(vault).length;
    const trusted = name.includes("audit") ? { ...vault.trusted, audit: [] } : vault.trusted;
    await expect(run(calls, { ...fields, trusted })).rejects.toThrow(message);
    expect(calls).toEqual([]);
    expect(await drills()).toEqual([]);
    expect(custodyOf(vault)).toHaveLength(before);
  });

  test.each<ErrorCode>(["config/not-found", "ref/later", "usage", "interrupted", "store/failed", "keys/denied"])(
    "where %s comes up in its place, which is ended",
    async (code) => {
      const calls: string[] = [];
      await expect(run(calls, { place: { run: failing(code) } })).rejects.toMatchObject({ code });
      expect(calls).toEqual([`open /work true`, "link etcd /etcd-3.6/etcd", "end"]);
      expect(await drills()).toEqual([]);
    },
  );

  test("and what is a fault of lifeboat is thrown as that", async () => {
    const calls: string[] = [];
    await expect(run(calls, { place: { run: () => Promise.reject(new TypeError("a bug")) } })).rejects.toThrow("a bug");
    expect(calls.at(-1)).toBe("end");
    expect(await drills()).toEqual([]);
  });
});

describe("a drill that fails", () => {
  test("leaves signed evidence of the step and the reason, announced in the custody log, once the place is gone", async () => {
    const calls: string[] = [];
    const result = await run(calls, { place: { run: failing("verify/digest", "it is another") } });
    expect(calls.at(-1)).toBe("end");
    expect(result).toMatchObject({ outcome: "failed", failure: { step: "bundle", error: { code: "verify/digest" } } });
    const key = drillKey(CLUSTER, ID, result.evidence.slice(-21, -5));
    expect(result.evidence).toBe(key);
    const document = openDocument("drill", bytesAt(vault, key), vault.trusted, key);
    expect(document).toMatchObject({
      id: ID,
      manifestDigest: result.found.digest,
      outcome: "failed",
      failure: { step: "bundle", code: "verify/digest", message: "it is another" },
      steps: [{ name: "bundle" }],
      signer: { purpose: "audit" },
      custody: result.custody,
    });
    expect(document).not.toHaveProperty("hashKv");
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "drill", subjects: [{ key }, { digest: result.found.digest }] });
    expect(drillJson(result)).toMatchObject({
      ref: REF,
      outcome: "failed",
      failure: { step: "bundle", hint: "mend it" },
      keys: null,
      evidence: key,
    });
  });

  test("at the same second twice takes two places", async () => {
    const fail = { place: { run: failing("verify/digest") } };
    const [first, second] = [await run([], fail), await run([], fail)];
    expect(second.evidence).toBe(first.evidence.replace(".json", "-2.json"));
  });

  test("to remove its place has failed, whatever it found", async () => {
    const result = await run([], { place: { run: failing("verify/digest"), end: failing("output/failed", "it holds secrets") } });
    expect(result).toMatchObject({ outcome: "failed", failure: { step: "bundle" } });
    expect(await drills()).toHaveLength(1);
  });
});
