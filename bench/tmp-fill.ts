import { startCluster } from "../tools/lab/etcd-cluster.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import { fillStore } from "./large-store.ts";
import { buildLifeboat } from "./build.ts";
const folder = process.argv[2] ?? "";
const [clusters, snapshots] = [Number(process.argv[3]), Number(process.argv[4])];
const { mkdirSync } = await import("node:fs");
mkdirSync(folder + "/store", { recursive: true });
mkdirSync(folder + "/build", { recursive: true });
const program = await buildLifeboat(folder + "/build");
const env = { PATH: process.env["PATH"], HOME: folder };
const cwd = folder + "/store";
const run = (...args: string[]) => runProgram(process.execPath, [program, ...args], { env, cwd });
{
  await using etcd = await startCluster({ version: "3.6" });
  await run("init", "--cluster", "prod", ...etcd.endpoints.flatMap((each) => ["--endpoint", each]));
  await run("backup", "prod", "--quiet");
}
const began = Date.now();
await fillStore({
  folder: cwd,
  cluster: "prod",
  snapshots,
  clusters: Array.from({ length: clusters }, (_, i) => `c${String(i).padStart(4, "0")}`),
});
console.log((Date.now() - began) / 1000);
