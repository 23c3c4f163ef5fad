import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseListed } from "../../../shared/config/listed.ts";
import type { WrittenCluster } from "../../../shared/config/listed.ts";
import { fleetKey } from "../../../shared/documents/layout.ts";
import { applyFleet, planFleet } from "../../../shared/jobs/listing/apply.ts";
import { changesBetween } from "../../../shared/jobs/listing/changes.ts";
import type { ClusterList } from "../../../shared/jobs/listing/changes.ts";
import { crowdedNetworks, problemsOf } from "../../../shared/jobs/listing/listable.ts";
import { saying } from "../../support/matchers.ts";
import { makeTestKeys, newVault } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";

let own: TestKeys;
beforeAll(async () => {
  own = await makeTestKeys();
});
afterAll(() => own.remove());

const ENDPOINTS = ["https://10.0.0.1:2379"];

function listOf(clusters: Readonly<Record<string, WrittenCluster>>): ClusterList {
  const written = (name: string): WrittenCluster | undefined => clusters[name];
  return {
    names: Object.keys(clusters).toSorted(),
    written,
    cluster: (name) => {
      const settings = written(name);
      return settings === undefined ? undefined : parseListed(name, settings, "a test");
    },
  };
}

describe("what one list changes of another", () => {
  test("is each setting that means something else, and not what is written in another way", () => {
    const before = listOf({
      same: { endpoints: ENDPOINTS, rpo: "120m", agreement: "quorum" },
      gone: { endpoints: ENDPOINTS },
      prod: {
        endpoints: ENDPOINTS,
        retention: { hourly: 24, daily: 7 },
        tls: { ca: "pem:-----BEGIN CERTIFICATE-----a" },
        labels: { team: "a" },
      },
    });
    const after = listOf({
      same: { endpoints: ENDPOINTS, rpo: "2h" },
      more: { endpoints: ENDPOINTS, rpo: "4h" },
      prod: {
        endpoints: [...ENDPOINTS, "https://10.0.0.2:2379"],
        retention: { hourly: 48 },
        tls: { ca: "pem:-----BEGIN CERTIFICATE-----b" },
      },
    });
    expect(changesBetween(before, after)).toEqual([
      { cluster: "gone", change: "removed", settings: [{ setting: "endpoints", before: ENDPOINTS[0], after: null }] },
      {
        cluster: "more",
        change: "added",
        settings: [
          { setting: "endpoints", before: null, after: ENDPOINTS[0] },
          { setting: "rpo", before: null, after: "4h" },
        ],
      },
      {
        cluster: "prod",
        change: "changed",
        settings: [
          { setting: "endpoints", before: ENDPOINTS[0], after: "https://10.0.0.1:2379, https://10.0.0.2:2379" },
          { setting: "labels.team", before: "a", after: null },
          { setting: "retention.hourly", before: "24", after: "48" },
          { setting: "tls.ca", before: "certificate 538fb8a3097639e0", after: "certificate 0bf3d6a5d6995607" },
        ],
      },
    ]);
  });

  test("is what is written, where this version does not understand the older one", () => {
    const before = listOf({ prod: { endpoints: ENDPOINTS, later: "1" } });
    expect(changesBetween(before, listOf({ prod: { endpoints: ENDPOINTS } }))).toEqual([
      { cluster: "prod", change: "changed", settings: [{ setting: "later", before: "1", after: null }] },
    ]);
  });
});

describe("apply", () => {
  const removes = false;

  test("puts the next list, names the one before it, and does nothing where nothing is to change", async () => {
    const vault = newVault(own);
    const one = listOf({ prod: { endpoints: ENDPOINTS } });
    expect(await applyFleet(vault, one, { removes })).toMatchObject({ inForce: undefined, applied: { number: 1, key: fleetKey(1) } });
    expect(await applyFleet(vault, one, { removes })).toMatchObject({
      inForce: { number: 1, by: "ann@backups" },
      changes: [],
      applied: undefined,
    });
    const two = listOf({ prod: { endpoints: ENDPOINTS }, more: { endpoints: ENDPOINTS } });
    expect(await applyFleet(vault, two, { removes })).toMatchObject({ changes: [{ cluster: "more" }], applied: { number: 2 } });
    expect((await planFleet(vault, two)).changes).toEqual([]);
    expect([...vault.blobs.objects.keys()].filter((key) => key.startsWith("fleet/"))).toEqual([fleetKey(1), fleetKey(2)]);
  });

  test("of two at once one loses, and says so", async () => {
    const vault = newVault(own);
    const ended = await Promise.allSettled(
      ["a", "b"].map((name) => applyFleet(vault, listOf({ [name]: { endpoints: ENDPOINTS } }), { removes })),
    );
    expect(ended.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(ended.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "store/exists", message: "somebody else applied fleet/1.json at the same time: yours changed nothing" },
    });
  });

  test("lets no cluster go unasked, and follows no list that the person has not seen", async () => {
    const vault = newVault(own);
    await applyFleet(vault, listOf({ prod: { endpoints: ENDPOINTS }, more: { endpoints: ENDPOINTS } }), { removes });
    const less = listOf({ prod: { endpoints: ENDPOINTS } });
    await expect(applyFleet(vault, less, { removes })).rejects.toMatchObject({
      code: "usage",
      message: "more would no longer be backed up",
    });
    await expect(applyFleet(vault, less, { removes: true, on: 0 })).rejects.toMatchObject({
      code: "usage",
      message: saying("list 1 is in force, and not 0"),
    });
    expect(await applyFleet(vault, less, { removes: true, on: 1 })).toMatchObject({ applied: { number: 2 } });
  });

  test("signs nothing by a key that no reader would believe", async () => {
    const vault = newVault(own);
    const distrusting = { ...vault, trusted: { ...vault.trusted, bundle: [] } };
    await expect(applyFleet(distrusting, listOf({ prod: { endpoints: ENDPOINTS } }), { removes })).rejects.toMatchObject({
      code: "config/invalid",
      message: saying("trustedKeys.bundle does not list"),
    });
    expect(vault.blobs.objects.size).toBe(0);
  });

  test("puts no list that readers would find too large", async () => {
    const vault = newVault(own);
    const large = { endpoints: ENDPOINTS, tls: { ca: `pem:-----BEGIN CERTIFICATE-----${"a".repeat(7 * 2 ** 20)}` } };
    await expect(applyFleet(vault, listOf({ prod: large }), { removes })).rejects.toMatchObject({
      code: "usage",
      message: saying("readers take 8.0 MiB"),
    });
  });
});

const FLEET = {
  databaseSize: 2 ** 31,
  megabytesPerSecond: 40,
  concurrency: 40,
  networks: { eu: { vpc: "", subnets: [], securityGroup: "", nat: true, routeTables: [] } },
};

describe("a listed cluster", () => {
  const problems = (settings: WrittenCluster): readonly string[] =>
    problemsOf("prod", parseListed("prod", { endpoints: ENDPOINTS, ...settings }, "a test"), {
      name: "boat",
      fleet: FLEET,
    });

  test("has its secrets where its own runs may read them, and no other's", () => {
    expect(
      problems({
        tls: {
          ca: "pem:-----BEGIN CERTIFICATE-----",
          cert: "secretsmanager:boat/prod/client#cert",
          key: "secretsmanager:boat/prod/client#key",
        },
        auth: { username: "root", password: "ssm:/boat/prod/password" },
      }),
    ).toEqual([]);
    const arn = "secretsmanager:arn:aws:secretsmanager:eu-central-1:111122223333:secret:boat/prod/client-AbCdEf";
    expect(problems({ tls: { cert: arn, key: arn } })).toEqual([]);
  });

  test("is no larger than the functions are made for, and in a network that they are in", () => {
    expect(problems({ service: { databaseSize: "4GiB", network: "us" } })).toEqual([
      saying("clusters.prod.service.databaseSize is 4.0 GiB, and the functions are made for 2.0 GiB"),
      saying("clusters.prod.service.network is us, which service.fleet.networks does not have: there are default, eu"),
    ]);
    expect(problems({ service: { network: "eu" } })).toEqual([]);
    const many = Array.from({ length: 2001 }, () => ({ service: { network: "eu", databaseSize: 1, megabytesPerSecond: 1, grace: 1 } }));
    expect([crowdedNetworks(many), crowdedNetworks(many.slice(1))]).toEqual([[saying("network eu has 2001 clusters, and takes 2000")], []]);
  });

  test.each([
    ["file:password.txt", "which only this machine can read: put it into Secrets Manager as boat/prod/..."],
    ["env:PASSWORD", "which only this machine can read"],
    ["secretsmanager:boat/other/password", "it may read secretsmanager:boat/prod/... alone"],
    ["secretsmanager:boat/prod", "it may read secretsmanager:boat/prod/... alone"],
    ["ssm:boat/prod/password", "it may read ssm:/boat/prod/... alone"],
    ["ssm:arn:aws:ssm:eu-central-1:111122223333:parameter/boat/prod2/password", "it may read ssm:/boat/prod/... alone"],
  ])("with the password in %s is refused", (password, message) => {
    expect(problems({ auth: { username: "root", password } })).toEqual([saying(message)]);
  });
});
