import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  parseBlobStats,
  parseMaintenance,
  parseSnapshot,
  parseSnapshots,
  parseStatus,
} from "../../../shared/store/kopia/program/answers.ts";

/** What the real program answered, of version 0.23. */
function answer(name: string): string {
  return readFileSync(new URL(`../../fixtures/kopia/${name}`, import.meta.url), "utf8");
}

test("the snapshot that was made", () => {
  expect(parseSnapshot(answer("08-snapshot-create-plain.stdout"))).toEqual({
    id: "05f99a3364e75c868566e33cecf1a50f",
    source: { userName: "backup", host: "etcd-lifeboat", path: "/etcd/prod" },
    startTime: new Date("2026-11-21T10:56:27.122Z"),
    endTime: new Date("2026-11-21T10:56:27.128Z"),
    object: "kda71c37a1eca2d273695d6e45725ac28",
    bytes: 3_000_000,
    files: 1,
    incomplete: undefined,
    tags: { cluster: "prod", id: "20261121T113800Z-8300" },
    pins: [],
  });
});

describe("lists", () => {
  test("hold each snapshot", () => {
    expect(parseSnapshots(answer("09-snapshot-list.stdout")).map(({ id }) => id)).toEqual([
      "05f99a3364e75c868566e33cecf1a50f",
      "f93a6eac803a3cb95e2984666bca6292",
    ]);
  });

  test("a pin changes the id, and neither the tags nor the object", () => {
    const [before] = parseSnapshots(answer("09-snapshot-list.stdout"));
    const [after] = parseSnapshots(answer("15-list-after-pin.stdout"));
    expect(after).toEqual({ ...before, id: "2c3e75be0d8c15ef4d2253d9cd278af2", pins: ["legal-hold"] });
  });

  test.each(["[\n]\n", "null"])("an empty one: %j", (text) => expect(parseSnapshots(text)).toEqual([]));

  test("what a later version adds is let pass, and an incomplete snapshot says so", () => {
    const [snapshot] = JSON.parse(answer("09-snapshot-list.stdout")) as Record<string, unknown>[];
    const [parsed] = parseSnapshots(JSON.stringify([{ ...snapshot, incomplete: "canceled", colour: "blue", tags: undefined }]));
    expect(parsed).toMatchObject({ incomplete: "canceled", tags: {} });
  });

  test.each([
    ["half of it", answer("09-snapshot-list.stdout").slice(0, 500)],
    ["no JSON", "Snapshotting ..."],
    ["another kind", "{}"],
    ["an id that is none", answer("09-snapshot-list.stdout").replace("05f99a3364e75c868566e33cecf1a50f", "kda71c37a1")],
  ])("%s is refused", (_name, text) => {
    expect(() => parseSnapshots(text)).toThrow();
  });
});

test("the status", () => {
  expect(parseStatus(answer("05-status.stdout"))).toEqual({
    uniqueId: "58d7a8a8dcbb97e8b49af5094f3dd305aa2d7c9f873e5b4b958f05755fc086fd",
    storage: { type: "filesystem" },
    splitter: "FIXED-128K",
    hash: "BLAKE2B-256-128",
    encryption: "AES256-GCM-HMAC-SHA256",
    volume: { capacity: 270_553_174_016, available: 68_220_604_416 },
    blobRetention: undefined,
  });
});

test("the status of a bucket with Object Lock", () => {
  const status = JSON.parse(answer("05-status.stdout")) as Record<string, unknown>;
  const locked = { ...status, volume: null, blobRetention: { retentionMode: "GOVERNANCE", retentionPeriod: 86_400_000_000_000 } };
  expect(parseStatus(JSON.stringify(locked))).toMatchObject({
    volume: undefined,
    blobRetention: { mode: "governance", periodMs: 86_400_000 },
  });
});

describe("the maintenance", () => {
  test("after a full one", () => {
    const info = parseMaintenance(answer("18-maintenance-info.stdout"));
    expect(info).toMatchObject({
      owner: "backup@etcd-lifeboat",
      quick: { enabled: true, intervalMs: 3_600_000 },
      full: { enabled: true, intervalMs: 86_400_000 },
      extendObjectLocks: false,
      nextFull: new Date("2026-11-22T10:56:26.897Z"),
    });
    expect(info.runs[0]?.task).toBe("cleanup-logs");
    expect(info.runs.find(({ task }) => task === "snapshot-gc")?.counts).toMatchObject({
      inUseContentCount: 25,
      inUseContentSize: 3_001_557,
    });
  });

  test("before the first", () => {
    const info = JSON.parse(answer("18-maintenance-info.stdout")) as Record<string, unknown>;
    const none = "0001-01-01T00:00:00Z";
    const fresh = { ...info, schedule: { nextFullMaintenance: none, nextQuickMaintenance: none, runs: null } };
    expect(parseMaintenance(JSON.stringify(fresh))).toMatchObject({ nextFull: undefined, nextQuick: undefined, runs: [] });
  });
});

test("what there is in the storage", () => {
  expect(parseBlobStats("Count: 12\nTotal: 3022233\nAverage: 251852\n")).toEqual({ count: 12, bytes: 3_022_233 });
  expect(parseBlobStats("Count: 0\nTotal: 0\n")).toEqual({ count: 0, bytes: 0 });
  expect(() => parseBlobStats("Count: 12\nTotal: 3 MB\n")).toThrow("neither a count nor a total");
});
