import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { checkPermissions } from "../../../shared/jobs/doctor/check-permissions.ts";
import type { PermissionsReport } from "../../../shared/jobs/doctor/check-permissions.ts";
import { AREAS, areaPrefix, describePowers, ROLES } from "../../../shared/jobs/doctor/roles.ts";
import type { RoleWork, Power } from "../../../shared/jobs/doctor/roles.ts";
import type { KeyInspector, KeyPower } from "../../../shared/keys/key-inspector.ts";
import type { StoreInspector } from "../../../shared/store/store-inspector.ts";
import { ALLOWED, DENIED } from "../../../shared/unreadable.ts";
import type { Answer } from "../../../shared/unreadable.ts";
import { saying } from "../../support/matchers.ts";

const KEY_POWERS: readonly KeyPower[] = ["wrap", "unwrap", "sign snapshot", "sign audit", "sign bundle"];
const SESSION = "arn:aws:sts::111122223333:assumed-role/backup/function";

const unasked = (): never => {
  throw new Error("not asked for permissions");
};

/** A caller that may do just this. */
function check(may: readonly Power[], caller = SESSION, work: Partial<RoleWork> = {}): Promise<PermissionsReport> {
  const answer = (power: Power): Answer => (may.includes(power) ? ALLOWED : DENIED);
  const area = (prefix: string) => AREAS.find((each) => prefix === areaPrefix("prod", each)) ?? unasked();
  const store: StoreInspector = {
    location: "s3://vault/",
    facts: unasked,
    encryptionKeys: unasked,
    clock: unasked,
    mayList: (_prefix, what) => Promise.resolve(answer(what === "objects" ? "list" : `list ${what}`)),
    mayLock: () => Promise.resolve(answer("lock")),
    access: (prefix) =>
      Promise.resolve({
        read: answer(`read ${area(prefix)}`),
        put: answer(`put ${area(prefix)}`),
        remove: answer(`remove ${area(prefix)}`),
      }),
  };
  const keys: KeyInspector = {
    location: "KMS",
    facts: unasked,
    arnOf: unasked,
    powers: () => Promise.resolve(new Map(KEY_POWERS.map((power) => [power, answer(power)]))),
  };
  return checkPermissions(
    {
      store,
      keys,
      actor: () => Promise.resolve(caller),
      cluster: "prod",
      work: { renewsLocks: false, removesBundles: false, ...work },
    },
    new AbortController().signal,
  );
}

const needs = (name: "writer" | "verifier" | "desk" | "keeper" | "reader"): readonly Power[] =>
  ROLES.find((role) => role.name === name)?.needs ?? [];
const fits = ({ roles }: PermissionsReport): readonly string[] => roles.filter((each) => each.fits).map(({ role }) => role.name);

describe("a caller with the permissions of", () => {
  test.each(["writer", "reader"] as const)("the %s is that and nothing else, and nothing is to be said", async (name) => {
    const report = await check(needs(name));
    expect(fits(report)).toEqual([name]);
    expect(report.findings).toEqual([]);
    expect(report.caller).toBe(SESSION);
  });

  test("the writer into a Kopia repository puts no data and wraps nothing, and is no writer of objects", async () => {
    const may = needs("writer").filter((power) => power !== "put data" && power !== "wrap");
    expect(fits(await check(may, SESSION, { keepsDataInKopia: true }))).toEqual(["writer"]);
    expect(fits(await check(may))).toEqual([]);
    expect(fits(await check(may.slice(1), SESSION, { keepsDataInKopia: true }))).toEqual([]);
  });

  test("the verifier is also a reader; what rewrap needs beside is no excess", async () => {
    const report = await check([...needs("verifier"), "wrap", "put rewraps"]);
    expect(fits(report)).toEqual(["verifier", "reader"]);
    expect(report.findings).toEqual([]);
  });

  test("a writer who can open or remove is warned of; a person is told", async () => {
    const more: readonly Power[] = ["unwrap", "remove data", "remove snapshots", "sign bundle"];
    const [finding, ...others] = (await check([...needs("writer"), ...more])).findings;
    expect(others).toEqual([]);
    expect(finding).toEqual({
      code: "beyond-its-role",
      severity: "warning",
      subject: SESSION,
      message: "beyond the work of a writer this caller may unwrap; sign bundle; remove snapshots, data",
      fix: saying("docs/threat-model.md"),
    });
    expect((await check([...needs("writer"), ...more], "ann@laptop")).findings).toMatchObject([{ severity: "info" }]);
  });

  test("everything is told that what backs up can then vouch for itself", async () => {
    const all = [
      ...KEY_POWERS,
      "list",
      "list versions",
      "list uploads",
      "lock",
      ...AREAS.flatMap((area): Power[] => [`read ${area}`, `put ${area}`, `remove ${area}`]),
    ] as const;
    const report = await check(all, "ann@laptop");
    expect(fits(report)).toEqual(["writer", "verifier", "desk", "keeper", "reader"]);
    expect(report.findings).toMatchObject([
      {
        code: "beyond-its-role",
        severity: "info",
        message:
          "this caller can act as writer, verifier, desk and keeper at once: what backs up can then open what is stored and countersign it; what orders a removal can then execute it; it also may remove lineage, acceptances, custody, verdicts",
      },
    ]);
  });

  test("the desk is also a reader; where it vouches for snapshots too, that is told", async () => {
    const report = await check(needs("desk"));
    expect(fits(report)).toEqual(["desk", "reader"]);
    expect(report.findings).toEqual([]);
    expect((await check([...needs("desk"), "sign audit", "put verified"])).findings).toMatchObject([
      {
        severity: "warning",
        message: "this caller can act as verifier and desk at once: what countersigns snapshots can then also sign what nodes run",
      },
    ]);
  });

  test("the keeper removes what is about snapshots, holds no key, and renews locks where that is asked for", async () => {
    const report = await check(needs("keeper"));
    expect(fits(report)).toEqual(["keeper", "reader"]);
    expect(report.findings).toEqual([]);
    const renewing = await check(needs("keeper"), SESSION, { renewsLocks: true });
    expect(renewing.roles.find(({ role }) => role.name === "keeper")).toMatchObject({ fits: false, lacks: ["lock"] });
    expect((await check([...needs("keeper"), "lock"], SESSION, { renewsLocks: true })).findings).toEqual([]);
    const publishing = await check(needs("keeper"), SESSION, { removesBundles: true });
    expect(publishing.roles.find(({ role }) => role.name === "keeper")).toMatchObject({ fits: false, lacks: ["remove bundles"] });
    expect((await check([...needs("keeper"), "remove bundles"], SESSION, { removesBundles: true })).findings).toEqual([]);
    for (const name of ["remove snapshots", "remove data", "list versions", "list uploads", "read pins"] as const)
      expect(fits(await check(needs("keeper").filter((power) => power !== name)))).not.toContain("keeper");
  });

  test("a keeper that may remove the log, or has a key, is warned of", async () => {
    expect((await check([...needs("keeper"), "remove custody", "put snapshots", "sign audit"])).findings).toMatchObject([
      { severity: "warning", message: "beyond the work of a keeper this caller may sign audit; put snapshots; remove custody" },
    ]);
    expect((await check([...new Set([...needs("keeper"), ...needs("verifier")])])).findings).toMatchObject([
      { severity: "warning", message: "this caller can act as verifier and keeper at once: what orders a removal can then execute it" },
    ]);
    expect((await check([...new Set([...needs("keeper"), ...needs("writer")])])).findings).toMatchObject([
      { severity: "warning", message: "this caller can act as writer and keeper at once: it can then remove what is stored" },
    ]);
  });

  test("no role is told what the nearest one lacks", async () => {
    const report = await check(needs("writer").filter((power) => power !== "wrap" && power !== "put data"));
    expect(fits(report)).toEqual([]);
    expect(report.findings).toMatchObject([
      {
        code: "no-role",
        severity: "problem",
        message: "this caller can act as none of writer, verifier, desk, keeper, reader; for writer it lacks wrap; put data",
      },
    ]);
    expect(report.roles[0]?.lacks).toEqual(["wrap", "put data"]);
  });
});

test("without the permission to list nothing is concluded from a denied look", async () => {
  const report = await check(needs("writer").filter((power) => power !== "list" && !power.startsWith("read ")));
  expect(report.powers.get("read data")).toMatchObject({ is: "unknown" });
  expect(report.findings.map(({ code }) => code)).toEqual(["no-role", "not-seen"]);
  expect(report.findings[1]?.message).toContain("whether this caller may read everything: S3 does not say without the permission to list");
});

test("a store that does not answer is told, and no role is concluded from the keys alone", async () => {
  const failure = new LifeboatError("store/failed", "cannot list", { hint: "check that the store runs" });
  const store: StoreInspector = {
    location: "s3://vault/",
    facts: unasked,
    encryptionKeys: unasked,
    clock: unasked,
    mayList: () => Promise.reject(failure),
    mayLock: () => Promise.resolve(undefined),
    access: unasked,
  };
  const keys: KeyInspector = {
    location: "KMS",
    facts: unasked,
    arnOf: unasked,
    powers: () => Promise.resolve(new Map([["wrap", ALLOWED]])),
  };
  const { findings } = await checkPermissions(
    { store, keys, actor: () => Promise.resolve("ann"), cluster: "prod", work: { renewsLocks: false, removesBundles: false } },
    new AbortController().signal,
  );
  expect(findings).toEqual([
    { code: "not-checked", severity: "problem", subject: "store", message: "cannot list", fix: "check that the store runs" },
  ]);
});

test("powers are named together", () => {
  expect(describePowers(["list", "read data", "read custody", "unwrap", "sign audit"])).toBe(
    "list; read data, custody; unwrap; sign audit",
  );
  expect(describePowers(AREAS.map((area): Power => `put ${area}`))).toBe("put everything");
});
