import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../shared/config/load.ts";
import type { LoadedConfig } from "../../shared/config/load.ts";

/** lifeboat.yaml, and the files of teams that it names. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-teams-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const BASE = `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
clusters:
  prod: { endpoints: ["https://10.0.0.1:2379"] }
`;
const team = (clusters: string): string => `version: 1\nclusters:\n${clusters}`;

async function load(files: Readonly<Record<string, string>>, more: readonly string[] = []): Promise<LoadedConfig> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return loadConfig(join(folder, "lifeboat.yaml"), {
    file: "lifeboat.yaml",
    more: more.map((file) => ({ file, path: join(folder, file) })),
  });
}

test("clusters of all files are those of the configuration, and their files are found from where they are named", async () => {
  const { config, written } = await load(
    {
      "lifeboat.yaml": `${BASE}fleet: [teams/a.yaml]\n`,
      "teams/a.yaml": team(
        `  one: { endpoints: ["https://10.0.0.2:2379"], tls: { ca: "file:a/ca.pem", cert: "file:/etc/c.pem", key: "env:KEY" } }\n`,
      ),
      "b.yaml": team(`  two: { endpoints: ["https://10.0.0.3:2379"], rpo: 4h }\n`),
    },
    ["b.yaml"],
  );
  expect(Object.keys(config.clusters)).toEqual(["prod", "one", "two"]);
  expect(config.clusters["one"]?.tls).toEqual({ ca: "file:teams/a/ca.pem", cert: "file:/etc/c.pem", key: "env:KEY" });
  expect(written?.["one"]).toMatchObject({ directory: join(folder, "teams"), settings: { tls: { ca: "file:a/ca.pem" } } });
  expect(written?.["two"]?.settings).toEqual({ endpoints: ["https://10.0.0.3:2379"], rpo: "4h" });
});

test("a cluster that is named twice is one error, with both places", async () => {
  const files = {
    "lifeboat.yaml": BASE,
    "a.yaml": team(`  one: { endpoints: ["https://10.0.0.2:2379"] }\n  prod: { endpoints: ["https://10.0.0.2:2379"] }\n`),
    "b.yaml": team(`  one: { endpoints: ["https://10.0.0.2:2379"] }\n`),
  };
  await expect(load(files, ["a.yaml", "b.yaml"])).rejects.toMatchObject({
    code: "config/invalid",
    message: "cluster prod is named twice: lifeboat.yaml:5 and a.yaml:4\ncluster one is named twice: a.yaml:3 and b.yaml:3",
  });
});

test.each([
  ["store: { kind: directory, path: ./other }\nclusters: {}\n", 'a.yaml:2: store: unknown setting "store"; known here: version, clusters'],
  [
    `clusters:\n  one: { endpoints: ["https://10.0.0.2:2379"], retention: { requireReplica: [far] } }\n`,
    "a.yaml:3: clusters.one.retention.requireReplica.0: replica far is not under replicas: there is none",
  ],
  [`clusters:\n  one: { endpoints: [] }\n`, "a.yaml:3: clusters.one.endpoints: at least one endpoint"],
])("what does not belong into a team's file is refused: %#", async (text, message) => {
  await expect(load({ "lifeboat.yaml": BASE, "a.yaml": `version: 1\n${text}` }, ["a.yaml"])).rejects.toMatchObject({ message });
});

test("a team's file that is not there is named", async () => {
  await expect(load({ "lifeboat.yaml": `${BASE}fleet: [nobody.yaml]\n` })).rejects.toMatchObject({
    code: "config/not-found",
    message: "configuration nobody.yaml not found",
  });
});
