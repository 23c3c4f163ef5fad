import type { ClusterReport, DayTally, ReportData, ReportFinding } from "../../shared/contract/report.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Fleets that were never there, for the page: the same ones from the same seed. */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** When the page is made, a Sunday. */
export const MADE_AT = Date.UTC(2026, 10, 29, 10, 4, 12);
const TODAY = Date.UTC(2026, 10, 29);

const TEAMS = ["payments", "search", "media", "identity", "ledger", "maps", "mail", "build", "edge", "data"] as const;
const PLACES = ["fra", "iad", "sin", "gru", "syd", "lhr"] as const;

type Mood = "ready" | "loss" | "not" | "new";

function moodOf(random: SeededRandom, index: number): Mood {
  // Among a few there is one of each.
  const fixed = (["ready", "loss", "not", "ready", "new"] as const)[index];
  if (fixed !== undefined) return fixed;
  const fraction = random.fraction();
  return fraction < 0.9 ? "ready" : fraction < 0.96 ? "loss" : fraction < 0.985 ? "not" : "new";
}

/** So many clusters, most of them well. */
export function fleetOf(count: number, seed = 19): ReportData {
  const random = new SeededRandom(seed);
  const clusters = Array.from({ length: count }, (_, index) => clusterOf(random, index));
  return {
    madeAt: MADE_AT,
    tool: "etcd-lifeboat 0.1.0",
    location: "s3://backups-of-etcd/fleet",
    clusters: clusters.map(({ cluster }) => cluster),
    findings: clusters.flatMap(({ findings }) => findings),
  };
}

function clusterOf(random: SeededRandom, index: number): { readonly cluster: ClusterReport; readonly findings: readonly ReportFinding[] } {
  const mood = moodOf(random, index);
  const name = `${random.pick(TEAMS)}-${random.pick(PLACES)}-${String(index + 1).padStart(index < 99 ? 2 : 4, "0")}`;
  const rpoMs = random.pick([2, 2, 2, 4, 26]) * HOUR_MS;
  const everyMs = rpoMs > 24 * HOUR_MS ? DAY_MS : rpoMs / 2;
  const perDay = DAY_MS / everyMs;
  const ageMs = Math.round(mood === "loss" ? rpoMs * (1.5 + random.fraction() * 6) : random.fraction() * everyMs);
  const known = mood === "new" ? 3 : 182;
  const days = Array.from({ length: known }, (_, day): DayTally => dayOf(random, TODAY - (known - 1 - day) * DAY_MS, perDay, mood));
  const bytes = (20 + random.below(3000)) * 1024 ** 2;
  const growth = 1 + random.fraction();
  const snapshots = snapshotsOf(random, { known, everyMs, bytes, growth, ageMs });
  const newest = snapshots.at(-1);
  const good =
    mood === "not" && random.fraction() < 0.4 ? null : { id: idOfSlot(new Date(MADE_AT - ageMs)), takenAt: MADE_AT - ageMs, ageMs };
  const drills = mood === "new" ? [] : drillsOf(random, bytes, mood);
  const findings = findingsOf(name, mood, { good, rpoMs });
  const cluster: ClusterReport = {
    name,
    labels: { team: name.split("-")[0] ?? "" },
    isConfigured: true,
    verdict: verdictOf(mood, { name, findings, drills }),
    rpoMs,
    schedule: everyMs === DAY_MS ? "every day at 02:00 Europe/Berlin" : `every ${everyMs / HOUR_MS} h`,
    good,
    stored: {
      snapshots: snapshots.length,
      good: snapshots.filter(({ isGood }) => isGood).length,
      bytes: Math.round((bytes * snapshots.length) / 6),
      oldest: snapshots[0]?.at ?? null,
    },
    database:
      newest === undefined
        ? null
        : {
            bytes: newest.bytes,
            revision: newest.revision,
            liveKeys: 1000 + random.below(400_000),
            etcdVersion: random.pick(["3.5.35", "3.6.16", "3.7.3"]),
            members: random.pick([3, 3, 5]),
          },
    days,
    snapshots,
    exposure: days.slice(-91).map((day) => ({ day: day.day, worstMs: worstIn(random, day, everyMs) })),
    drills,
    forecast: forecastOf(bytes, snapshots.length, growth),
    custody: { records: 400 + random.below(9000), head: `${400 + random.below(9000)}:sha256:${random.bytes(32).toString("hex")}` },
  };
  return { cluster, findings };
}

function dayOf(random: SeededRandom, day: number, perDay: number, mood: Mood): DayTally {
  const due = day === TODAY ? Math.max(1, Math.floor(perDay * 0.4)) : perDay;
  const isBad = random.fraction() < (mood === "not" ? 0.12 : 0.02);
  // What goes on for a day, as an outage does, and what happens once.
  const bad = isBad ? (random.fraction() < 0.3 ? due : 1 + random.below(Math.max(1, due / 3))) : 0;
  const kind = random.pick(["failed", "missed", "missed", "unproven"] as const);
  return { day, good: due - bad, unproven: 0, failed: 0, missed: 0, [kind]: bad };
}

function worstIn(random: SeededRandom, { good, unproven, failed, missed }: DayTally, everyMs: number): number {
  const bad = unproven + failed + missed;
  return everyMs * (1 + 0.1 * random.fraction() + (good === 0 ? 24 * (HOUR_MS / everyMs) : bad));
}

function snapshotsOf(
  random: SeededRandom,
  {
    known,
    everyMs,
    bytes,
    growth,
    ageMs,
  }: { readonly known: number; readonly everyMs: number; readonly bytes: number; readonly growth: number; readonly ageMs: number },
): ClusterReport["snapshots"] {
  const times = new Set<number>();
  for (let hour = 0; hour < 24; hour++) times.add(MADE_AT - ageMs - hour * everyMs);
  for (let day = 1; day < known; day += day < 14 ? 1 : day < 60 ? 7 : 30) times.add(MADE_AT - ageMs - day * DAY_MS);
  const from = Math.min(...times);
  let revision = 1_000_000 + random.below(50_000_000);
  const pace = 2000 + random.below(60_000);
  const slow = 18 * 1024 ** 2 * (0.7 + random.fraction());
  let last = from;
  return [...times]
    .toSorted((one, other) => one - other)
    .map((time) => {
      const share = (time - from) / Math.max(1, MADE_AT - from);
      revision += Math.round(((time - last) / HOUR_MS) * pace * (0.8 + 0.4 * random.fraction()));
      last = time;
      const size = Math.round((bytes * (1 + (growth - 1) * share) * (0.99 + 0.02 * random.fraction())) / 4096) * 4096;
      const tookMs = 900 + (size / slow) * 100 * (0.85 + 0.4 * random.fraction() ** 4);
      return { at: time, bytes: size, revision, tookMs, isGood: random.fraction() > 0.02 };
    });
}

function drillsOf(random: SeededRandom, bytes: number, mood: Mood): ClusterReport["drills"] {
  const usual = 8000 + (bytes / 1024 ** 2) * 60;
  return Array.from({ length: 13 }, (_, week) => {
    const ok = week === 12 ? mood !== "not" : random.fraction() > 0.04;
    return {
      at: TODAY - (12 - week) * 7 * DAY_MS + 4 * HOUR_MS,
      ok,
      restoreMs: ok ? usual * (0.9 + 0.25 * random.fraction()) : null,
      reason: ok ? null : "HashKV of the restored etcd is 1911023, the proof says 88120",
    };
  });
}

function forecastOf(bytes: number, count: number, growth: number): ClusterReport["forecast"] {
  const points = Array.from({ length: 13 }, (_, month) => ({
    at: MADE_AT + month * 30.4 * DAY_MS,
    snapshots: count + Math.min(month, 7),
    bytes: Math.round((bytes / 6) * (count + Math.min(month, 7)) * (1 + ((growth - 1) * month) / 6)),
  }));
  return {
    points: points.map((point) => ({ ...point, at: Math.round(point.at) })),
    bytesPerDay: 4096,
    reason: "the trend of 30 good snapshots over 30 days",
  };
}

function findingsOf(
  name: string,
  mood: Mood,
  { good, rpoMs }: Pick<ClusterReport, "good"> & { readonly rpoMs: number },
): readonly ReportFinding[] {
  const finding = (
    code: string,
    severity: ReportFinding["severity"],
    means: string,
    message: string,
    fix: string,
    runbook: string,
  ): ReportFinding => ({
    code,
    severity,
    cluster: name,
    subject: name,
    message,
    means,
    evidence: [],
    fix,
    runbook,
  });
  const found: ReportFinding[] = [];
  if (good === null)
    found.push(
      finding(
        "rpo/none",
        "error",
        "no snapshot of the cluster is good",
        "no snapshot is good",
        `take one: lifeboat backup ${name}`,
        "No snapshot is good",
      ),
    );
  else if (mood === "loss")
    found.push({
      ...finding(
        "rpo/exceeded",
        "error",
        "the newest good snapshot is older than the cluster's rpo",
        "the newest good snapshot is too old",
        `see why backups fail: lifeboat custody ${name} --limit 20`,
        "No snapshot is good",
      ),
      evidence: [`${name}/${good.id} is ${Math.round(good.ageMs / HOUR_MS)} h old, and the rpo is ${rpoMs / HOUR_MS} h`],
    });
  if (mood === "not") {
    found.push(
      finding(
        "drill/failed",
        "error",
        "the last drill did not restore what it was of",
        "HashKV of the restored etcd is not the proof's",
        `lifeboat drill ${name}/good`,
        "A drill is overdue or failed",
      ),
      finding(
        "key/break-glass",
        "warn",
        "no break-glass recipient is configured, or the newest good snapshot has another one",
        "no break-glass recipient is configured",
        "add one to breakGlass: docs/runbook.md says how it is made",
        "Keys are not as configured",
      ),
    );
  }
  if (mood === "new")
    found.push(
      finding(
        "audit/unknown",
        "warn",
        "something could not be learned",
        "replica shelf: the store cannot be reached",
        "lifeboat doctor --permissions",
        "An audit cannot see everything",
      ),
      finding(
        "drill/never",
        "warn",
        "no snapshot of the cluster was ever restored in a drill",
        "there was no drill yet",
        `lifeboat drill ${name}/good`,
        "A drill is overdue or failed",
      ),
    );
  return found;
}

function verdictOf(
  mood: Mood,
  {
    name,
    findings,
    drills,
  }: { readonly name: string; readonly findings: readonly ReportFinding[]; readonly drills: ClusterReport["drills"] },
): ClusterReport["verdict"] {
  const has = (code: string): boolean => findings.some((each) => each.code === code);
  const line = (
    question: string,
    answer: "yes" | "no" | "unknown",
    evidence: string,
    fix = "",
  ): ClusterReport["verdict"]["lines"][number] => ({ question, answer, evidence, fix });
  const restoreMs = drills.at(-1)?.restoreMs ?? null;
  return {
    word: ({ new: null, not: "not ready", loss: "ready with loss", ready: "ready" } as const)[mood],
    askedAt: mood === "new" ? null : MADE_AT - 5 * HOUR_MS,
    lines: [
      line(
        "it is as young as promised",
        has("rpo/none") || has("rpo/exceeded") ? "no" : "yes",
        has("rpo/none") ? "no snapshot is good" : "1,204 revisions were written since",
        `lifeboat backup ${name}`,
      ),
      line(
        "a restore was rehearsed",
        restoreMs === null ? "no" : "yes",
        restoreMs === null ? "the last drill failed" : `${Math.round(restoreMs / 1000)} s in the last drill`,
        `lifeboat drill ${name}/good`,
      ),
      line("its keys are alive", "yes", "alias/lifeboat-wrap decrypts; rotated on 2 Nov 2026"),
      line(
        "break-glass is rehearsed",
        mood === "not" ? "unknown" : "yes",
        mood === "not" ? "nobody opened a canary by hand" : "maria opened a canary on 14 Oct 2026",
        "lifeboat ready --canary",
      ),
      line("every node can open a bundle", "yes", "node-a, node-b, node-c, oncall"),
      line("programs for every node are here", "yes", "etcd 3.6 for linux-x64 and linux-arm64"),
      line("it is locked as promised", "yes", "locked until 13 Dec 2026; shelf has it"),
      line("etcd's certificates are valid", "yes", "until 3 Mar 2027"),
      line("the custody log is whole", "yes", "4,120 records"),
    ],
  };
}

/** A cluster whose every word tries to be more than text. */
export function hostileFleet(): ReportData {
  const {
    clusters: [first],
    ...data
  } = fleetOf(1);
  if (first === undefined) throw new Error("a fleet of one has a cluster");
  const evil = [
    `"><script>document.title="owned"</script>`,
    `<img src=x onerror="document.title='owned'">`,
    `</style><style>body{display:none}</style>`,
    `--></title><svg onload=alert(1)>`,
    `javascript:alert(1)//' onmouseover='x`,
    "prod\u202egnp.exe\u0000\u200bx\ud800",
    "a".repeat(400),
  ];
  const line = (text: string): ClusterReport["verdict"]["lines"][number] => ({
    question: text,
    answer: "no",
    evidence: text,
    fix: text,
  });
  return {
    ...data,
    tool: evil[0] ?? "",
    location: evil[1] ?? "",
    clusters: evil.map((name) => ({
      ...first,
      name,
      labels: { [name]: name },
      isConfigured: false,
      schedule: name,
      verdict: { word: "not ready", askedAt: MADE_AT, lines: [line(name)] },
      good: { id: name, takenAt: MADE_AT, ageMs: 1 },
      drills: [{ at: MADE_AT, ok: false, restoreMs: null, reason: name }],
      custody: { records: 1, head: name },
      forecast: {
        points: [
          { at: MADE_AT, snapshots: 1, bytes: 1 },
          { at: MADE_AT + DAY_MS, snapshots: 1, bytes: 2 },
        ],
        bytesPerDay: 0,
        reason: name,
      },
    })),
    findings: evil.map((text) => ({
      code: text,
      severity: "error",
      cluster: text,
      subject: `${text}/x`,
      message: text,
      means: text,
      evidence: [text],
      fix: text,
      runbook: text,
    })),
  };
}
