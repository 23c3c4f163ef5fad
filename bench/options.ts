import { parseArgs } from "node:util";
import { SIZES } from "./cluster.ts";
import type { Size } from "./cluster.ts";
import { CONTESTANTS } from "./contestants.ts";
import type { ContestantName } from "./contestants.ts";
import type { ScalePlace } from "./scale.ts";

/** How etcd is reached. Delayed: through a proxy of 15 ms each way. */
export const WAYS = ["plain", "tls", "plain-delayed", "tls-delayed"] as const;
export type Way = (typeof WAYS)[number];

/** The contest that is no backup: `lifeboat status` of a file. */
const STATUS = "status";
/** `lifeboat bundle` beside `lifeboat export`. */
const BUNDLE = "bundle";
/** `lifeboat backup` into a Kopia store beside the pipe, and how splitters cut: by name only, and with LIFEBOAT_TEST_KOPIA. */
const KOPIA = "kopia";
/** restore.sh beside a restore by hand. */
const RESTORE = "restore";
/** `lifeboat get` beside a restore, an etcd and etcdctl; `find` and `diff`: by name only. */
const LOOK = "look";
/** One object out of S3, by the index of its snapshot: by name only. */
const LOOK_INDEX = "look-index";
/** Those of two builds: on a store of many snapshots, and on how soon a command has started. */
const SCALE = "scale";
const STARTUP = "startup";
/** A thousand clusters, out of catalog segments: by name only. */
const FLEET = "fleet";
/** What takes so little that starting counts. */
const SMALL: readonly Size[] = ["35", "200"];
const LARGE: readonly Size[] = ["200", "1600"];
/** The same in a bucket. */
const SCALE_S3 = "scale-s3";

export interface Options {
  readonly sizes: readonly Size[];
  readonly ways: readonly Way[];
  readonly contestants: readonly ContestantName[];
  /** Whether backups are timed, and whether the status of a file is. */
  readonly backups: boolean;
  readonly status: boolean;
  /** Whether bundles are, which is done where they are named only. */
  readonly bundle: boolean;
  /** Whether Kopia is, by name only. */
  readonly kopia: boolean;
  /** The same for restoring from one. */
  readonly restore: boolean;
  /** Whether looking inside a snapshot is timed. */
  readonly look: boolean;
  /** One object by the index of its snapshot. */
  readonly lookIndex: boolean;
  /** How many snapshots the large store has; undefined where it is not asked for, which it is by name only. */
  readonly scale: number | undefined;
  /** Whether starting is timed, which is done where it is named only. */
  readonly startup: boolean;
  /** How many clusters the fleet has, and snapshots of each; undefined where it is not asked for. */
  readonly fleet: { readonly clusters: number; readonly snapshots: number } | undefined;
  /** Whether it is timed as a folder, and as a bucket. */
  readonly scalePlaces: readonly ScalePlace[];
  /** The folder of another build, with its dist/ in it. */
  readonly base: string | undefined;
  readonly runs: number;
  readonly json: string | undefined;
  readonly keep: string | undefined;
}

export const USAGE = `npm run bench -- [--size 35|200|1600] [--only NAME,...] [--base DIR] [--runs N] [--json FILE] [--keep DIR]
    --size   megabytes of database (default: 200 and 1600, one after the other); may be given more than once
    --only   of ${WAYS.join(", ")}, of ${Object.keys(CONTESTANTS).join(", ")}, or ${STATUS} (default: all); s3 takes lifeboat with it. By name only: gate, a backup through node/gate in nginx beside one without, by TLS; ${SCALE} and ${SCALE_S3}, which list a store of many snapshots, in a folder and in S3 with 20 ms a request; ${BUNDLE}, a bundle beside an export; ${RESTORE}, restore.sh beside a restore by hand; ${LOOK}, one object out of a stored snapshot beside a restore by hand, and a diff of two; ${LOOK_INDEX}, one object out of S3 by the index of its snapshot; ${FLEET}, ls of many clusters out of catalog segments, cold (as root) and warm; ${KOPIA}, a backup into a Kopia store beside etcdctl piped into kopia, and what each splitter stores (LIFEBOAT_TEST_KOPIA names kopia); ${STARTUP}, which
             times --help and ls of ten snapshots, and backups of ${SMALL.join(" and ")} MB by lifeboat and by etcdctl
    --snapshots  so many for ${SCALE} and ${SCALE_S3} (default: 10000)
    --clusters  so many for ${FLEET} (default: 1000), with 200 snapshots each unless --snapshots says otherwise
    --base   a checkout of another commit in which npm run build was run, and which reads the same formats: for ${SCALE}, ${SCALE_S3}, ${FLEET} and ${STARTUP} it is timed beside this one
    --runs   timed runs of each, of which the median is shown (default: 3)
    --json   write every run's figures to FILE
    --keep   fill the databases in DIR and leave them there, or use those that are there`;

/** Undefined where help was asked for. Throws with a sentence for the person. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", multiple: true },
      only: { type: "string", multiple: true },
      runs: { type: "string" },
      base: { type: "string" },
      snapshots: { type: "string" },
      clusters: { type: "string" },
      json: { type: "string" },
      keep: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return undefined;
  const runs = Number(values.runs ?? 3);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs} is not a number of runs`);
  const snapshots = Number(values.snapshots ?? 10_000);
  if (!Number.isInteger(snapshots) || snapshots < 1) throw new Error(`--snapshots ${values.snapshots} is not a number of snapshots`);
  const clusters = Number(values.clusters ?? 1000);
  if (!Number.isInteger(clusters) || clusters < 1) throw new Error(`--clusters ${values.clusters} is not a number of clusters`);
  const names = (values.only ?? []).flatMap((list) => list.split(","));
  // What it costs is told beside the same into a folder.
  if (names.includes("s3")) names.push("lifeboat");
  if (names.includes("gate")) names.push("lifeboat", "tls");
  const startup = names.includes(STARTUP);
  if (startup) names.push("save", "lifeboat", ...(WAYS.some((way) => names.includes(way)) ? [] : ["plain"]));
  const all = Object.keys(CONTESTANTS) as ContestantName[];
  const contestants = chosen(names.includes("gate") ? all : all.filter((one) => one !== "gate"), names);
  const ways = chosen(WAYS, names);
  const strange = names.find(
    (name) =>
      ![...WAYS, ...Object.keys(CONTESTANTS), STATUS, SCALE, SCALE_S3, STARTUP, FLEET, BUNDLE, RESTORE, LOOK, LOOK_INDEX, KOPIA].includes(
        name,
      ),
  );
  if (strange !== undefined)
    throw new Error(
      `--only ${strange} is neither a way nor a contestant nor ${STATUS}, ${BUNDLE}, ${RESTORE}, ${LOOK}, ${LOOK_INDEX}, ${KOPIA}, ${SCALE}, ${SCALE_S3}, ${FLEET} or ${STARTUP}`,
    );
  const strangeSize = values.size?.find((size) => !Object.hasOwn(SIZES, size));
  if (strangeSize !== undefined) throw new Error(`--size ${strangeSize} is none of ${Object.keys(SIZES).join(", ")}`);
  const scalePlaces: readonly ScalePlace[] = [
    ...(names.includes(SCALE) ? ["folder" as const] : []),
    ...(names.includes(SCALE_S3) ? ["s3" as const] : []),
  ];
  return {
    sizes: values.size === undefined ? (startup ? SMALL : LARGE) : chosen(Object.keys(SIZES) as Size[], values.size),
    ways,
    contestants,
    backups:
      names.length === 0 ||
      names.some((name) => ![STATUS, SCALE, SCALE_S3, FLEET, BUNDLE, RESTORE, LOOK, LOOK_INDEX, KOPIA].includes(name)),
    status: names.length === 0 || names.includes(STATUS),
    bundle: names.includes(BUNDLE),
    restore: names.includes(RESTORE),
    kopia: names.includes(KOPIA),
    look: names.includes(LOOK),
    lookIndex: names.includes(LOOK_INDEX),
    scale: scalePlaces.length > 0 ? snapshots : undefined,
    scalePlaces,
    startup,
    fleet: names.includes(FLEET) ? { clusters, snapshots: values.snapshots === undefined ? 200 : snapshots } : undefined,
    base: values.base,
    runs,
    json: values.json,
    keep: values.keep,
  };
}

/** Those of `all` that are named, or all of them where none is. */
function chosen<T extends string>(all: readonly T[], names: readonly string[]): readonly T[] {
  const named = all.filter((one) => names.includes(one));
  return named.length === 0 ? all : named;
}
