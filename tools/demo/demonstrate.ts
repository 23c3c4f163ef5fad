import { cp, mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { startFrom } from "../lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms } from "../lab/etcd-programs.ts";
import type { EtcdVersion } from "../lab/etcd-programs.ts";
import { freePort } from "../lab/free-port.ts";
import { compareKeys, readAll } from "../lab/read-all.ts";
import { temporaryFolder } from "../lab/temporary-folder.ts";
import type { DemoCluster } from "./clusters.ts";
import { heading, say } from "./say.ts";
import { Typist } from "./typist.ts";

const statusSchema = z.looseObject({ revision: z.int() });
const manifestSchema = z.looseObject({
  manifest: z.looseObject({ etcd: z.looseObject({ source: z.looseObject({ version: z.string() }) }) }),
});

/** Backs `cluster` up, verifies, exports, restores, and compares with the source key by key. Whether all of it held. */
export async function demonstrate(cluster: DemoCluster, signal: AbortSignal): Promise<boolean> {
  await using folder = await temporaryFolder();
  const typist = new Typist(folder.path, signal);
  const certificates = await copyCertificates(cluster, folder.path);

  heading("A configuration with a store and keys");
  await typist.lifeboat(
    "init",
    "--cluster",
    "demo",
    ...cluster.connection.endpoints.flatMap((each) => ["--endpoint", each]),
    ...certificates,
    ...(cluster.user === undefined ? [] : ["--user", cluster.user]),
  );
  heading("Is the cluster fit for a backup?");
  // 6: it has findings, which it prints; a backup works all the same.
  await typist.lifeboatWith([0, 6], "preflight", "demo");
  heading("A backup: streamed, compressed, encrypted, signed");
  await typist.lifeboat("backup", "demo");
  await typist.lifeboat("ls");
  heading("Another role reads it back, decrypts it, checks every digest, and countersigns");
  await typist.lifeboat("verify", "demo/latest", "--deep");
  heading("Out again");
  await typist.lifeboat("export", "demo/good", "--out", "snapshot.db");

  heading("Restored by etcdutl, with its hash check, into a fresh etcd");
  const version = minorOf(
    manifestSchema.parse(JSON.parse(await typist.quietly("show", "demo/latest", "--json"))).manifest.etcd.source.version,
  );
  const { etcdutl } = etcdPrograms(version) ?? {};
  if (etcdutl === undefined) throw new Error(`etcdutl for etcd ${version} is not here: run npm run setup`);
  await typist.type(etcdutl, ["snapshot", "status", "snapshot.db", "-w", "table"]);
  const { revision } = statusSchema.parse(JSON.parse(await typist.run(etcdutl, ["snapshot", "status", "snapshot.db", "-w", "json"])));
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const member = ["--name", "restored", "--initial-cluster", `restored=${peerUrl}`, "--initial-advertise-peer-urls", peerUrl];
  await typist.type(etcdutl, ["snapshot", "restore", "snapshot.db", "--data-dir", "restored", ...member]);
  const restored = await startFrom({ version, name: "restored", peerUrl, dataDir: join(folder.path, "restored") });
  try {
    say(`etcd ${version} runs on it: ${restored.endpoints.join(", ")}`);
    heading(`Compared with the source, key by key, as of revision ${revision}`);
    const { same, differences } = await compareKeys(readAll(cluster.connection, { revision }), readAll(restored.connection, { revision }));
    for (const difference of differences) say(difference);
    if (differences.length === 0) say(`${same} keys: every value, revision, version and lease is the same`);
    return differences.length === 0 && same > 0;
  } finally {
    await restored.stop();
  }
}

/** The client's files beside the configuration, so that the commands read as a person would type them: the arguments that name them. */
async function copyCertificates({ files }: DemoCluster, folder: string): Promise<string[]> {
  const args: string[] = [];
  for (const name of ["cacert", "cert", "key"] as const) {
    const path = files[name];
    if (path === undefined) continue;
    await readFile(path);
    await mkdir(join(folder, "certs"), { recursive: true, mode: 0o700 });
    await cp(path, join(folder, "certs", basename(path)));
    args.push(`--${name}`, `certs/${basename(path)}`);
  }
  return args;
}

/** The minor whose programs restore and run the snapshot; the nearest that is here for one that we do not know. */
function minorOf(version: string): EtcdVersion {
  const minor = ETCD_VERSIONS.find((each) => version.startsWith(`${each}.`));
  if (minor === undefined)
    throw new Error(`the demo restores snapshots of etcd ${ETCD_VERSIONS.join(", ")}, and this cluster runs ${version}`);
  // The server of 3.5 takes over what 3.4 left.
  return minor === "3.4" && etcdPrograms("3.4") === undefined ? "3.5" : minor;
}
