import { LifeboatError } from "../shared/errors.ts";
import type { LiveState } from "../shared/jobs/look/live-state.ts";
import type { Progress } from "../shared/progress.ts";
import type { KeyTest } from "../shared/snapshot/key-tests.ts";
import type { Session } from "./command.ts";

/** The word for a cluster as it is now, in the place of a snapshot. */
export const LIVE = "live";
export const CLUSTER_FLAG = "--cluster <name>";
export const CLUSTER_HELP = "the live cluster, where a file is named or it is not the ref's";

/** Which cluster of the configuration a person means beside the snapshot `what`: a wrong name is told before anything is read. */
export async function clusterBeside(session: Session, what: string, cluster: string | undefined): Promise<string> {
  const name = cluster ?? (await clusterOf(what));
  const [{ findCluster }, loaded] = await Promise.all([import("../shared/config/find-cluster.ts"), session.loadConfig()]);
  findCluster(loaded, name);
  return name;
}

async function clusterOf(what: string): Promise<string> {
  const { isRef, parseRef } = await import("../shared/vault/ref.ts");
  if (isRef(what)) return parseRef(what).cluster;
  throw new LifeboatError("usage", `${what} does not say which live cluster is meant`, { hint: "name it with --cluster" });
}

/** Runs `action` with the keys and values that `cluster` has now. */
export async function withLive<T>(
  session: Session,
  { cluster, isWanted, progress }: { readonly cluster: string; readonly isWanted: KeyTest; readonly progress: Progress },
  action: (live: LiveState) => Promise<T>,
): Promise<T> {
  return session.connect(cluster, async ({ etcd }) => {
    const { openLive } = await import("../shared/jobs/look/live-state.ts");
    return action(await openLive(etcd, isWanted, progress, session.console.signal));
  });
}
