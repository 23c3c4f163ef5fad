import { clustersWith, hasLabels, parseLabels } from "../shared/config/labels.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { isLifeboatError, LifeboatError } from "../shared/errors.ts";
import { readFleet } from "../shared/jobs/fleet.ts";
import type { FleetCluster } from "../shared/jobs/fleet.ts";
import { invokeEach, invokeRounds, newSince } from "../shared/jobs/invoke-many.ts";
import type { InvokedOne, InvokeManyPorts, NewSnapshot } from "../shared/jobs/invoke-many.ts";
import { readFleetList } from "../shared/vault/fleet-list.ts";
import type { FleetList } from "../shared/vault/fleet-list.ts";
import type { Session } from "./command.ts";
import { note, print, printJson } from "./console.ts";
import { worstOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { noteFailure } from "./failure.ts";
import { codeOf } from "./invoke-outcome.ts";

/** `lifeboat invoke backup --all` and `--label`: many clusters, by state machines of their own or by the fleet's. */

type InvokedJson = JsonDocument<"invokeMany">["clusters"][number];

export async function invokeMany(session: Session, label: readonly string[]): Promise<ExitCode> {
  const loaded = await session.loadConfig();
  const { console } = session;
  const asked = parseLabels(label);
  const { openExecutions } = await import("../shared/wire/executions.ts");
  const ports: InvokeManyPorts = {
    executions: await openExecutions(loaded, undefined, session.surroundings),
    clock: console.clock,
    onStart: (of, execution) => note(console, `${of}: started ${execution}`),
  };
  const { service } = loaded.config;
  if (service.fleet !== undefined) return backUpFleet(session, ports, { service: service.name, asked });
  const clusters = clustersWith(loaded.config, asked, loaded.file);
  const rows: InvokedJson[] = [];
  await invokeEach(ports, { clusters, service: service.name, signal: console.signal }, (ended) => rows.push(tell(session, ended)));
  return finish(session, rows);
}

function finish(session: Session, rows: readonly InvokedJson[]): ExitCode {
  const { console } = session;
  const byName = rows.toSorted((one, other) => (one.cluster < other.cluster ? -1 : 1));
  if (session.json) printJson(console, "invokeMany", { clusters: byName });
  const done = rows.filter(({ exitCode }) => exitCode === 0).length;
  note(console, `${done} of ${rows.length} ${rows.length === 1 ? "cluster" : "clusters"} backed up and verified`);
  return console.signal.aborted ? 130 : worstOf(rows.map(({ exitCode }) => exitCode as ExitCode));
}

function tell({ console, json }: Session, ended: InvokedOne): InvokedJson {
  const { cluster } = ended;
  if ("failure" in ended) {
    const error = noteFailure(console, ended.failure, `${cluster}: `);
    return { cluster, exitCode: error.exitCode, id: null, error };
  }
  if (ended.outcome === undefined) return { cluster, exitCode: 130, id: null, error: null };
  const { id, proof } = ended.outcome.backup;
  const exitCode = codeOf(ended.outcome);
  if (!json) print(console, `${cluster}/${id}  ${proof}, verified${exitCode === 0 ? "" : "; LOOK: lifeboat ls --fleet says why"}`);
  return { cluster, exitCode, id, error: null };
}

/** By the fleet's state machines, a round for each network. What became of each cluster is read from the store: which snapshot is new. */
async function backUpFleet(
  session: Session,
  ports: InvokeManyPorts,
  { service, asked }: { readonly service: string; readonly asked: Readonly<Record<string, string>> },
): Promise<ExitCode> {
  const { console } = session;
  const opened = await session.openToRead();
  const list = await readFleetList(opened, opened.signal);
  const clusters = membersOf(list, asked);
  const networks = new Map(
    [...Map.groupBy(clusters, ({ network }) => network)].map(([network, members]) => [network, members.map(({ cluster }) => cluster)]),
  );
  const names = clusters.map(({ cluster }) => cluster);
  const before = await standingsOf(opened, names);
  const rounds = await invokeRounds(ports, { networks, service, signal: console.signal });
  for (const { network, execution, isEnded } of rounds)
    if (!isEnded) note(console, `${network}: no longer watching; the round goes on: ${execution}`);
  if (console.signal.aborted) return 130;
  const after = await standingsOf(opened, names);
  return finish(
    session,
    names.map((cluster) => tellNew(session, cluster, newSince(before.get(cluster), after.get(cluster)))),
  );
}

function membersOf(
  list: FleetList,
  asked: Readonly<Record<string, string>>,
): readonly { readonly cluster: string; readonly network: string }[] {
  const members = list.names.flatMap((cluster) => {
    try {
      const settings = list.cluster(cluster);
      return settings !== undefined && hasLabels(settings.labels, asked) ? [{ cluster, network: settings.service.network }] : [];
    } catch (error) {
      // What this version does not understand, the service's may: who has no labels is meant by --all alone.
      if (!isLifeboatError(error, "config/")) throw error;
      return [];
    }
  });
  if (members.length > 0) return members;
  throw new LifeboatError("usage", `no cluster of ${list.key} is meant`, {
    hint: "lifeboat fleet ls shows which there are, and their labels",
  });
}

async function standingsOf(ports: Parameters<typeof readFleet>[0], names: readonly string[]): Promise<ReadonlyMap<string, FleetCluster>> {
  const standings = new Map<string, FleetCluster>();
  for await (const each of readFleet(ports, names)) standings.set(each.cluster, each);
  return standings;
}

function tellNew({ console, json }: Session, cluster: string, found: NewSnapshot): InvokedJson {
  const { state, id } = found;
  if (state === "good") {
    if (!json) print(console, `${cluster}/${id}  good`);
    return { cluster, exitCode: 0, id, error: null };
  }
  const failure =
    state === "none"
      ? new LifeboatError("service/failed", `no new snapshot of ${cluster} is in the store`, {
          hint: "the logs of the service's functions say why, by the cluster's name",
        })
      : new LifeboatError("ref/not-good", `${cluster}/${id} is not good`, { hint: `lifeboat ls ${cluster} says what it lacks` });
  const error = noteFailure(console, failure);
  return { cluster, exitCode: state === "none" ? error.exitCode : 6, id, error };
}
