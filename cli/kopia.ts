import type { JsonDocument } from "../shared/contract/documents.ts";
import { initKopia } from "../shared/jobs/kopia/init.ts";
import { requireNoReplica } from "../shared/jobs/kopia/was-replica.ts";
import { failedSteps, kopiaStatus, maintainKopia } from "../shared/jobs/kopia/maintain.ts";
import type { KopiaStatusReport } from "../shared/jobs/kopia/maintain.ts";
import type { KopiaAdmin } from "../shared/wire/kopia-admin.ts";
import type { Register, Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { formatBytes, formatFields, formatTime } from "./format.ts";

const DAY_MS = 86_400_000;

/** `lifeboat kopia init`, `status` and `maintain`. */
export const registerKopia: Register = (program, run) => {
  const kopia = program
    .command("kopia")
    .summary("look after a store that is a Kopia repository")
    .description(
      "Look after the Kopia repository of a store of kind kopia: make it, show it, and let it give back the space of what was removed. Needs the program kopia, on PATH or in tools.dir.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat kopia init\n  $ lifeboat kopia status");
  kopia
    .command("init")
    .summary("make the repository and its password")
    .description(
      "Make the repository that store.repository names, where there is nothing yet. Its password is random: it is stored beside the manifests, encrypted under the wrapping key and for the break-glass recipients, and is written nowhere else. Nothing in the repository expires by Kopia's own retention, and its maintenance belongs to lifeboat. After an interruption, run it again. Needs the snapshot key.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat kopia init")
    .action(() =>
      run(async (session) => {
        const { init } = await openAdmin(session);
        const { outcome, location, facts, passwordKey, breakGlass } = await initKopia(init, session.console.signal);
        if (session.json)
          printJson(session.console, "kopiaInit", {
            outcome,
            location,
            repository: facts.uniqueId,
            splitter: facts.splitter,
            encryption: facts.encryption,
            password: passwordKey,
            breakGlass,
          });
        else
          print(
            session.console,
            `${outcome === "created" ? "made" : "found, and set again,"} the Kopia repository in ${location} (${facts.splitter}, ${facts.encryption})\npassword: ${passwordKey} in ${init.blobs.location}`,
          );
        if (breakGlass.length === 0)
          note(
            session.console,
            "warning: no break-glass recipient can open its password: whoever loses the wrapping key loses every snapshot",
          );
        return 0;
      }),
    );
  kopia
    .command("status")
    .summary("show the repository and its maintenance")
    .description(
      "Show the repository: its size, the snapshots in it, when its maintenance is due, and what waits to be given back. Changes nothing.",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat kopia status")
    .action(() =>
      run(async (session) => {
        const status = await kopiaStatus(await (await openAdmin(session)).open());
        if (session.json) printJson(session.console, "kopiaStatus", statusJson(status));
        else print(session.console, statusText(status));
        return failedSteps(status.maintenance).length > 0 ? 6 : 0;
      }),
    );
  kopia
    .command("maintain")
    .summary("give back the space of what was removed")
    .description(
      "Run Kopia's maintenance, with its own safety margins: it may run beside backups. Says what was given back, and what waits until when. Kopia gives back what was removed in two full maintenances at least a day apart. Run it once a day. The exit code is 6 if a step of it failed.",
    )
    .option("--quick", "only the quick maintenance, which gives nothing back")
    .option("--taken-over", "the store was a replica, and no copies come into it any more")
    .addHelpText("after", "\nExample:\n  $ lifeboat kopia maintain")
    .action(({ quick, takenOver }: { readonly quick?: boolean; readonly takenOver?: boolean }) =>
      run(async (session) => {
        const mode = quick === true ? "quick" : "full";
        const admin = await openAdmin(session);
        if (takenOver !== true) await requireNoReplica(admin.init.blobs);
        const repository = await admin.open();
        const done = await maintainKopia(repository, mode, session.console.signal);
        if (session.json)
          printJson(session.console, "kopiaMaintain", {
            mode,
            freedBytes: done.freed,
            locksExtended: done.locksExtended ?? null,
            ...statusJson(done),
          });
        else {
          const extended = done.locksExtended === undefined ? "" : `; extended the locks of ${done.locksExtended} blobs`;
          const freed = done.freed >= 0 ? `gave back ${formatBytes(done.freed)}` : `grew by ${formatBytes(-done.freed)}`;
          print(session.console, `${mode} maintenance of ${done.location}: ${freed}; ${describeWaiting(done)}${extended}`);
        }
        const failed = failedSteps(done.maintenance);
        for (const { task, error } of failed)
          note(session.console, `warning: the step ${task} failed: ${error ?? "kopia does not say why"}`);
        return failed.length > 0 ? 6 : 0;
      }),
    );
};

async function openAdmin(session: Session): Promise<KopiaAdmin> {
  const [loaded, { openKopiaAdmin }] = await Promise.all([session.loadConfig(), import("../shared/wire/kopia-admin.ts")]);
  return openKopiaAdmin(loaded, session.surroundings);
}

function describeWaiting({ waiting: { bytes, until } }: Pick<KopiaStatusReport, "waiting">): string {
  if (bytes === undefined) return "no full maintenance has looked yet for what can be given back";
  if (bytes === 0) return "nothing waits to be given back";
  return `${formatBytes(bytes)} of removed data wait${until === undefined ? "" : `, not before ${formatTime(until.toISOString())}`}`;
}

function statusText({ location, facts, snapshots, size, maintenance, waiting }: KopiaStatusReport): string {
  return formatFields([
    ["repository", `${location} (${facts.uniqueId})`],
    ["format", `${facts.splitter}, ${facts.hash}, ${facts.encryption}`],
    ["snapshots", String(snapshots)],
    ["size", `${formatBytes(size.bytes)} in ${size.count} blobs`],
    ...(facts.volume === undefined ? [] : ([["free", formatBytes(facts.volume.available)]] as [string, string][])),
    ...(facts.blobRetention === undefined
      ? []
      : ([
          [
            "lock",
            `${facts.blobRetention.mode}, ${facts.blobRetention.periodMs / DAY_MS} days${maintenance.extendsLocks ? ", extended by maintenance" : ", not extended"}`,
          ],
        ] as [string, string][])),
    [
      "maintenance",
      `by ${maintenance.owner}, full ${maintenance.nextFull === undefined ? "never yet" : `due ${formatTime(maintenance.nextFull.toISOString())}`}`,
    ],
    ["waiting", describeWaiting({ waiting })],
    ...failedSteps(maintenance).map(({ task, error }): [string, string] => ["FAILED", `${task}: ${error ?? "kopia does not say why"}`]),
  ]);
}

function statusJson({ location, facts, snapshots, size, maintenance, waiting }: KopiaStatusReport): JsonDocument<"kopiaStatus"> {
  return {
    location,
    repository: facts.uniqueId,
    splitter: facts.splitter,
    encryption: facts.encryption,
    snapshots,
    blobs: size.count,
    bytes: size.bytes,
    availableBytes: facts.volume?.available ?? null,
    lock:
      facts.blobRetention === undefined
        ? null
        : {
            mode: facts.blobRetention.mode,
            days: facts.blobRetention.periodMs / DAY_MS,
            isExtended: maintenance.extendsLocks,
          },
    owner: maintenance.owner,
    nextQuick: maintenance.nextQuick?.toISOString() ?? null,
    nextFull: maintenance.nextFull?.toISOString() ?? null,
    waitingBytes: waiting.bytes ?? null,
    waitingUntil: waiting.until?.toISOString() ?? null,
    failed: failedSteps(maintenance).map(({ task, end, error }) => ({ task, at: end.toISOString(), error: error ?? null })),
  };
}
