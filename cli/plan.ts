import { findCluster } from "../shared/config/find-cluster.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { parseUtc } from "../shared/documents/slot.ts";
import { LifeboatError } from "../shared/errors.ts";
import { forecastCluster } from "../shared/jobs/prune/forecast-cluster.ts";
import type { ClusterForecast } from "../shared/jobs/prune/forecast-cluster.ts";
import { policyWarnings } from "../shared/retention/policy.ts";
import { prunePolicyOf } from "../shared/wire/prune-policy.ts";
import type { Register, Session } from "./command.ts";
import { note, print, printJson, widthOf } from "./console.ts";
import { planText } from "./plan-text.ts";
import { requireCluster } from "./require-cluster.ts";
import { keepMemorySteady } from "./steady-memory.ts";

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
/** Beyond that nobody knows a database's size. */
const MOST_YEARS = 10;

/** `lifeboat plan`. */
export const registerPlan: Register = (program, run) => {
  program
    .command("plan")
    .summary("show what will be kept in the coming months, and its storage")
    .description(
      "Show how many snapshots of a cluster will be stored in the coming months and how much they take up, if backups come as its schedule says, all are good, and what its retention does not keep is removed. Changes nothing.",
    )
    .argument("<cluster>", "whose")
    .option("--until <time>", "how far ahead (UTC), such as 2027-06-30 (default: a year from now)")
    .addHelpText("after", "\nExample:\n  $ lifeboat plan prod --until 2027-06-30")
    .action((cluster: string, { until }: { readonly until?: string }) => run((session) => plan(session, cluster, until)));
};

async function plan(session: Session, cluster: string, untilText: string | undefined): Promise<0> {
  const { console } = session;
  keepMemorySteady();
  const ports = await session.openToRead();
  const until = parseUntil(untilText, ports.clock.now());
  const loaded = await session.loadConfig();
  await requireCluster(session, ports.blobs, cluster);
  const { policy, lockMs, keptLockMs } = prunePolicyOf(loaded, cluster);
  for (const warning of policyWarnings(cluster, policy.retention)) note(console, `warning: ${warning}`);
  const { schedule } = findCluster(loaded, cluster);
  const settings = { policy: policy.retention, schedule, until: until.getTime(), lockMs, keptLockMs };
  const found = await forecastCluster(ports, cluster, settings, ports.signal);
  if (session.json) printJson(console, "plan", planJson(cluster, until, found));
  else print(console, planText(cluster, schedule, found, widthOf(console.stdout)));
  if (loaded.config.store.kind === "kopia")
    note(console, "these are the sizes of whole snapshots; Kopia keeps once what they share: lifeboat kopia status shows what it takes up");
  for (const { number, reason } of found.frozen)
    note(
      console,
      `lineage ${number} of ${cluster} is frozen${reason === undefined ? "" : `: ${reason}`}; until that is settled all of it is kept`,
    );
  return 0;
}

function parseUntil(text: string | undefined, now: Date): Date {
  if (text === undefined) return new Date(Math.floor(now.getTime() / 1000) * 1000 + YEAR_MS);
  const until = parseUtc(text);
  if (until === undefined)
    throw new LifeboatError("usage", `--until "${text}" is not a UTC time`, {
      hint: "give one such as 2027-06-30 or 2027-06-30T10:00:00Z",
    });
  if (until <= now) throw new LifeboatError("usage", `--until "${text}" is past`, { hint: "give a time that is still to come" });
  if (until.getTime() - now.getTime() > MOST_YEARS * 366 * DAY_MS)
    throw new LifeboatError("usage", `--until "${text}" is more than ${MOST_YEARS} years ahead`, { hint: "give an earlier time" });
  return until;
}

function planJson(cluster: string, until: Date, { now, step, points, backups, growth, frozen }: ClusterForecast): JsonDocument<"plan"> {
  const { bytes, bytesPerDay, basis, reason } = growth;
  return {
    cluster,
    now: new Date(now).toISOString(),
    until: until.toISOString(),
    step,
    points: points.map((point) => ({ ...point, time: new Date(point.time).toISOString() })),
    backups,
    size: { bytes, bytesPerDay, basis, reason },
    frozen: frozen.map(({ number, reason: why }) => ({ lineage: number, reason: why ?? null })),
  };
}
