import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { openClient } from "../tools/lab/connection.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import { getByHand } from "./by-hand.ts";
import { SIZES } from "./cluster.ts";
import type { LoadedEtcd } from "./cluster.ts";
import { load } from "./load.ts";
import { requireEqual, takeTurns } from "./look-contest.ts";
import type { Entrant, LookContest, LookResult } from "./look-contest.ts";

/** What is changed between the two snapshots, beside a hundredth of all keys. */
const EXTRA = 500;
const Diff = z.object({
  counts: z.object({ added: z.number(), removed: z.number(), changed: z.number(), rewritten: z.number() }),
  same: z.number(),
});

/**
 * `lifeboat get` of one object in a stored snapshot beside the way without it (age, unzstd, etcdutl snapshot restore, an etcd on that, etcdctl get), in turns and into files that must hold the same bytes; and `lifeboat find` and `diff`, whose answers are
 * counted.
 */
export async function holdLook(contest: LookContest): Promise<readonly LookResult[]> {
  return takeTurns(contest, await prepare(contest), environment(contest.folder));
}

function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: folder, XDG_RUNTIME_DIR: folder };
}

/** Two backups with changes in between, and the command lines. */
async function prepare({ etcd, size, lifeboat, age, unzstd, folder, progress }: LookContest): Promise<readonly Entrant[]> {
  const run = (...args: readonly string[]): Promise<string> =>
    runProgram(process.execPath, [lifeboat, ...args], { env: environment(folder), cwd: folder });
  const keys = SIZES[size];
  await run("init", "--cluster", "prod", "--endpoint", `http://127.0.0.1:${etcd.plainPort}`);
  await change(etcd, keys, "before");
  progress("look: the first backup");
  const first = idOf(await run("backup", "prod", "--json", "--quiet"));
  await change(etcd, keys, "after");
  progress("look: the second backup");
  const second = idOf(await run("backup", "prod", "--json", "--quiet"));
  const wanted = [...load(2)].at(-1);
  if (wanted === undefined) throw new Error("there is no load");
  const key = wanted.key.toString();
  const data = join(folder, "vault/clusters/prod/data");
  const stored = (await readdir(data)).find((name) => name.startsWith(second));
  if (stored === undefined) throw new Error("the second backup stored nothing");
  const hand = await getByHand({ etcd, age, unzstd, identity: "break-glass.key", stored: join(data, stored) }, key);
  const command = (words: string): string => `${process.execPath} ${lifeboat} ${words} --quiet > out`;
  const total = keys + EXTRA;
  return [
    {
      name: "get by hand",
      script: hand,
      // etcdctl ends what it prints with a line.
      check: (out) => requireEqual(out.subarray(0, -1), wanted.value),
    },
    {
      name: "lifeboat get",
      script: command(`get prod/${second} ${key} --as raw --no-index`),
      check: (out) => requireEqual(out, wanted.value),
    },
    {
      name: "lifeboat find",
      script: command(`find prod/${second} --json`),
      check: (out) => requireEqual(z.array(z.unknown()).parse(JSON.parse(out.toString())).length, total),
    },
    {
      name: "lifeboat diff",
      script: command(`diff prod/${first} prod/${second} --json`),
      check(out) {
        const { counts, same } = Diff.parse(JSON.parse(out.toString()));
        const changed = Math.floor(keys / 100);
        requireEqual(JSON.stringify(counts), JSON.stringify({ added: EXTRA, removed: EXTRA, changed, rewritten: 0 }));
        requireEqual(same, keys - changed);
      },
    },
  ];
}

/** A hundredth of the load with the value of that moment, and keys of that moment alone. */
async function change(etcd: LoadedEtcd, keys: number, moment: "before" | "after"): Promise<void> {
  const client = openClient({ endpoints: [`http://127.0.0.1:${etcd.plainPort}`] });
  try {
    await client.delete().prefix("/registry/configmaps/extra/").exec();
    const names = Array.from(
      { length: Math.floor(keys / 100) },
      (_, index) => `/registry/configmaps/bench/load-${String(index * 100).padStart(8, "0")}`,
    );
    names.push(...Array.from({ length: EXTRA }, (_, index) => `/registry/configmaps/extra/${moment}-${index}`));
    const lane = async (left: Iterable<string>): Promise<void> => {
      for (const name of left) await client.put(name).value(`${moment} `.repeat(300)).exec();
    };
    const left = names.values();
    await Promise.all(Array.from({ length: 50 }, () => lane(left)));
  } finally {
    client.close();
  }
}

function idOf(document: string): string {
  return z.object({ id: z.string() }).parse(JSON.parse(document)).id;
}
