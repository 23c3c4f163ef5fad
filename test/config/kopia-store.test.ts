import { describe, expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { policyDigests } from "../../shared/config/policy-digests.ts";
import { objectStoreOf } from "../../shared/config/store-schema.ts";
import type { Config } from "../../shared/config/schema.ts";
import { failureOf } from "../support/blobs.ts";

function parsed(store: string, more = ""): Config {
  return parseConfig(`version: 1\nstore:\n${store}\nkeys: { kind: local, path: ./keys }\n${more}clusters: {}\n`, "lifeboat.yaml");
}

const RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const MANIFESTS = "  manifests: { kind: directory, path: ./manifests }";
const FOLDER = "  kind: kopia\n  repository: { kind: filesystem, path: ./kopia }";

describe("a store in a Kopia repository", () => {
  test("has the repository and a store of manifests beside it", () => {
    const { store } = parsed(`${FOLDER}\n${MANIFESTS}`);
    expect(store).toEqual({
      kind: "kopia",
      repository: { kind: "filesystem", path: "./kopia" },
      manifests: { kind: "directory", path: "./manifests" },
    });
    expect(objectStoreOf(store)).toEqual({ kind: "directory", path: "./manifests" });
  });

  test("may be in S3, both or one of them", () => {
    const s3 = "{ kind: s3, bucket: kopia, prefix: etcd, region: eu-central-1, endpoint: 'https://s3.example:9000' }";
    expect(parsed(`  kind: kopia\n  repository: ${s3}\n${MANIFESTS}`).store).toMatchObject({
      repository: { kind: "s3", bucket: "kopia", prefix: "etcd/", region: "eu-central-1", endpoint: "https://s3.example:9000" },
    });
    const manifests =
      "  manifests: { kind: s3, bucket: kopia, prefix: manifests, region: eu-central-1, endpoint: 'https://s3.example:9000' }";
    expect(parsed(`  kind: kopia\n  repository: ${s3}\n${manifests}`).store).toMatchObject({ manifests: { prefix: "manifests/" } });
  });

  test.each([
    ["without a repository", `  kind: kopia\n${MANIFESTS}`, "store.repository: expected { kind: filesystem, path: ./kopia }"],
    ["without manifests", FOLDER, "store.manifests: expected { kind: directory, path: ./vault }"],
    [
      "with a repository of another kind",
      `  kind: kopia\n  repository: { kind: gcs, bucket: abc }\n${MANIFESTS}`,
      "lifeboat.yaml:4: store.repository.kind: expected { kind: filesystem, path: ./kopia } or { kind: s3",
    ],
    [
      "with manifests in a Kopia repository",
      `${FOLDER}\n  manifests: { kind: kopia, repository: { kind: filesystem, path: a }, manifests: { kind: directory, path: b } }`,
      "lifeboat.yaml:5: store.manifests.kind: a Kopia repository holds no manifests, which are objects",
    ],
    [
      "with a lock that maintenance cannot extend in time",
      `  kind: kopia\n  repository: { kind: s3, bucket: abc, region: r-1, lock: { mode: governance, days: 1 } }\n${MANIFESTS}`,
      "store.repository.lock.days: expected at least 2: the daily maintenance renews the locks",
    ],
    [
      "without a region",
      `  kind: kopia\n  repository: { kind: s3, bucket: abc }\n${MANIFESTS}`,
      "store.repository.region: expected a region",
    ],
    [
      "with a misspelt setting",
      `  kind: kopia\n  repository: { kind: filesystem, paht: ./kopia }\n${MANIFESTS}`,
      'lifeboat.yaml:4: store.repository.paht: unknown setting "paht"; did you mean "path"?',
    ],
    [
      "with manifests within the repository",
      `${FOLDER}\n  manifests: { kind: directory, path: kopia/manifests }`,
      "lifeboat.yaml:5: store.manifests: the manifests must not lie in the Kopia repository",
    ],
    [
      "with both under one prefix of a bucket",
      "  kind: kopia\n  repository: { kind: s3, bucket: abc, region: r-1, prefix: a }\n  manifests: { kind: s3, bucket: abc, region: r-1 }",
      "lifeboat.yaml:5: store.manifests: the manifests must not lie in the Kopia repository",
    ],
  ])("%s is refused, naming line and setting", async (_what, store, message) => {
    const failure = await failureOf((async () => parsed(store))());
    expect(failure).toMatchObject({ code: "config/invalid" });
    expect(failure.message).toContain(message);
  });

  describe("with replicas", () => {
    const breakGlass = `breakGlass: ["${RECIPIENT}"]\n`;
    const offsite = (store: string): string => `${breakGlass}replicas: [{ name: offsite, store: ${store} }]\n`;
    const kopia = (path: string, manifests = "./offsite"): string =>
      `{ kind: kopia, repository: { kind: filesystem, path: ${path} }, manifests: { kind: directory, path: ${manifests} } }`;

    test("each is a Kopia repository, too, with manifests of its own", () => {
      expect(parsed(`${FOLDER}\n${MANIFESTS}`, offsite(kopia("./copy"))).replicas).toMatchObject([
        { name: "offsite", store: { kind: "kopia", repository: { path: "./copy" }, manifests: { path: "./offsite" } } },
      ]);
    });

    test.each([
      [
        "of a store of objects in a Kopia repository",
        "  kind: directory\n  path: ./vault",
        kopia("./copy"),
        "replicas.0.store.kind: the store has objects, which a Kopia repository cannot hold as they are",
      ],
      [
        "of a Kopia repository in a store of objects",
        `${FOLDER}\n${MANIFESTS}`,
        "{ kind: directory, path: ./offsite }",
        "replicas.0.store.kind: the store is a Kopia repository, whose data are no objects that another store could hold",
      ],
      ["in the store's repository", `${FOLDER}\n${MANIFESTS}`, kopia("kopia/copy"), "replicas.0.store: it is the same place as store"],
      ["around the store's manifests", `${FOLDER}\n${MANIFESTS}`, kopia("./"), "replicas.0.store"],
      [
        "with the store's manifests",
        `${FOLDER}\n${MANIFESTS}`,
        kopia("./copy", "./manifests"),
        "replicas.0.store: it is the same place as store",
      ],
      [
        "with a lock, which a copy does not set",
        `${FOLDER}\n${MANIFESTS}`,
        "{ kind: kopia, repository: { kind: s3, bucket: abc, region: r-1, lock: { mode: governance, days: 2 } }, manifests: { kind: directory, path: ./offsite } }",
        "replicas.0.store.repository.lock: Kopia sets no locks on what it copies",
      ],
    ])("%s is refused", async (_what, store, replica, message) => {
      const failure = await failureOf((async () => parsed(store, offsite(replica)))());
      expect(failure).toMatchObject({ code: "config/invalid" });
      expect(failure.message).toContain(message);
    });
  });

  test("is told in the custody log by what it is, and not by where this host has it", () => {
    const digest = (store: string): string | undefined => policyDigests(parsed(store), "prod").store;
    expect(digest(`${FOLDER}\n${MANIFESTS}`)).toBe(digest(`${FOLDER.replace("./kopia", "/mnt/kopia")}\n${MANIFESTS}`));
    const bucket = (name: string): string => `  kind: kopia\n  repository: { kind: s3, bucket: ${name}, region: r-1 }\n${MANIFESTS}`;
    expect(digest(bucket("one"))).not.toBe(digest(bucket("other")));
  });
});
