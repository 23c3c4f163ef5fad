import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { FuzzRun } from "../../test/snapshot/fuzz/fuzz.ts";
import { etcdPrograms } from "../lab/etcd-programs.ts";
import { temporaryFolder } from "../lab/temporary-folder.ts";

/** Of so many runs that the scan calls whole, one is shown to etcdutl: starting it costs as much as twenty runs. */
const ONE_OF = 20;
const PATIENCE_MS = 20_000;

export interface EtcdutlOpinion extends AsyncDisposable {
  readonly counts: { asked: number };
  /** What etcdutl says otherwise than the scan; undefined where it says the same, or was not asked. */
  readonly look: (run: FuzzRun) => Promise<string | undefined>;
}

/** Asks `etcdutl snapshot status` of 3.6 and 3.7, where they are here. */
export async function askEtcdutl(): Promise<EtcdutlOpinion> {
  const folder = await temporaryFolder();
  const programs = (["3.6", "3.7"] as const).flatMap((version) => etcdPrograms(version)?.etcdutl ?? []);
  const counts = { asked: 0 };
  return {
    counts,
    async look({ seed, bytes, result }) {
      const program = programs[(seed / ONE_OF) % programs.length];
      if (program === undefined || result.tree !== "whole" || seed % ONE_OF !== 0) return undefined;
      const path = join(folder.path, "mutated.db");
      await writeFile(path, bytes);
      const { stdout, stderr, exitCode } = await execa(program, ["snapshot", "status", path, "-w", "json"], {
        reject: false,
        timeout: PATIENCE_MS,
      });
      if (exitCode !== 0) return `etcdutl refuses it: ${stderr.slice(0, 300)}`;
      counts.asked++;
      const said: unknown = JSON.parse(stdout);
      const own = { hash: result.hash, revision: result.revision, totalKey: result.keys.live, totalSize: result.databaseBytes };
      // A JSON object, by etcdutl's own contract.
      const { hash, revision, totalKey, totalSize } = said as Record<string, unknown>;
      const theirs = { hash, revision, totalKey, totalSize };
      return JSON.stringify(theirs) === JSON.stringify(own)
        ? undefined
        : `etcdutl says ${JSON.stringify(theirs)}, and the scan says ${JSON.stringify(own)}`;
    },
    [Symbol.asyncDispose]: () => folder.remove(),
  };
}
