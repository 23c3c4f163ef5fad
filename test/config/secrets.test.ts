import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseDuration } from "../../shared/config/durations.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { resolveReference, type Environment, type SecretSources } from "../../shared/config/secrets.ts";
import { suggestion } from "../../shared/config/settings.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-config-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sources = (directory: string, environment: Environment): SecretSources => ({
  directory,
  environment,
  cloud: { read: ({ service, name, field }, setting) => Promise.resolve(`${service} ${name} ${field ?? "whole"} for ${setting}`) },
});

describe("a reference", () => {
  test("to a file is read as it is, relative to the configuration", async () => {
    await writeFile(join(folder, "password"), "hunter2\n");
    expect(await resolveReference("file:password", "auth.password", sources(folder, {}))).toBe("hunter2\n");
    expect(await resolveReference(`file:${join(folder, "password")}`, "auth.password", sources("/", {}))).toBe("hunter2\n");
  });

  test("to a variable is its value, colons and all", async () => {
    expect(await resolveReference("env:P", "auth.password", sources(folder, { P: "a:b" }))).toBe("a:b");
  });

  test.each([
    ["secretsmanager:prod/etcd", "secretsmanager prod/etcd whole"],
    ["secretsmanager:prod/etcd#password", "secretsmanager prod/etcd password"],
    [
      "secretsmanager:arn:aws:secretsmanager:eu-central-1:111122223333:secret:etcd-AbCdEf#a#b",
      "secretsmanager arn:aws:secretsmanager:eu-central-1:111122223333:secret:etcd-AbCdEf a#b",
    ],
    ["ssm:/prod/etcd#1", "ssm /prod/etcd#1 whole"],
  ])("%s is asked of AWS", async (reference, asked) => {
    expect(await resolveReference(reference, "auth.password", sources(folder, {}))).toBe(`${asked} for auth.password`);
  });

  test("that leads nowhere names the setting and where it looked", async () => {
    expect(await failureOf(resolveReference("file:absent", "clusters.prod.tls.ca", sources(folder, {})))).toMatchObject({
      code: "config/secret",
      message: saying("clusters.prod.tls.ca refers to absent, which cannot be read"),
      hint: saying("relative to the configuration file"),
    });
    for (const environment of [{}, { ETCD_PASSWORD: "" }]) {
      expect(await failureOf(resolveReference("env:ETCD_PASSWORD", "auth.password", sources(folder, environment)))).toMatchObject({
        code: "config/secret",
        message: "auth.password refers to the environment variable ETCD_PASSWORD, which is not set",
        hint: "set ETCD_PASSWORD for this command",
      });
    }
  });
});

describe("a configuration file", () => {
  test("that is not there is told as such", async () => {
    expect(await failureOf(loadConfig(join(folder, "lifeboat.yaml"), { file: "lifeboat.yaml" }))).toMatchObject({
      code: "config/not-found",
      message: "configuration lifeboat.yaml not found",
      hint: saying("lifeboat init"),
    });
  });

  test("that cannot be read is told as such", async () => {
    expect(await failureOf(loadConfig(folder, { file: "here" }))).toMatchObject({
      code: "config/not-found",
      message: "here is a folder, not a configuration file",
    });
  });

  test("is relative to its own folder", async () => {
    const path = join(folder, "lifeboat.yaml");
    await writeFile(path, "version: 1\nstore: { kind: directory, path: v }\nkeys: { kind: local, path: k }\nclusters: {}\n");
    expect(await loadConfig(path)).toMatchObject({ directory: folder, file: path, config: { store: { path: "v" }, clusters: {} } });
  });
});

test("durations are milliseconds", () => {
  for (const [text, ms] of [
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
  ] as const) {
    expect(parseDuration(text)).toBe(ms);
  }
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom("", "M", "w", "sec", " s", "s ", "h30m"), (number, unit) => {
      expect(parseDuration(`${number}${unit}`)).toBeUndefined();
    }),
  );
  for (const text of ["", "s", "-1s", "1.5h", "1e3s", "9999999999s"]) expect(parseDuration(text), text).toBeUndefined();
});

test("a near name is suggested, and only a near one", () => {
  const known = ["endpoints", "timeouts", "timeZone"];
  for (const [word, near] of [
    ["endpoint", "endpoints"],
    ["ENDPOINTS", "endpoints"],
    ["timezone", "timeZone"],
    ["timout", "timeouts"],
    ["foo", undefined],
  ] as const) {
    expect(suggestion(word, known), word).toBe(near);
  }
  expect(suggestion("x", [])).toBeUndefined();
});
