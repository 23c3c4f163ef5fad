import { known, unknown } from "../../audit/facts.ts";
import type { ClusterFacts, EtcdFact, Fact, KeysFact, NewestGoodFact, ReadyFacts } from "../../audit/facts.ts";
import { toolsMinorFor } from "../../bundle/plan.ts";
import type { Architecture } from "../../bundle/plan.ts";
import type { Clock } from "../../clock.ts";
import { statusesOf } from "../../etcd/cluster-facts.ts";
import type { ProofWanted } from "../../etcd/cluster-facts.ts";
import type { EtcdSource } from "../../etcd/etcd-source.ts";
import { surveyCluster } from "../../etcd/survey.ts";
import type { BundlePrograms } from "../../host/bundle-programs.ts";
import type { KeysReport } from "../doctor/check-keys.ts";
import { readNodeFiles } from "../../vault/node-files/sets.ts";
import { learn } from "./facts/learn.ts";
import { gather } from "./gather.ts";
import type { GatherPorts, StoreFacts } from "./gather.ts";

export interface ReadyPorts extends GatherPorts {
  /** A connection to a cluster for as long as `look` runs. */
  readonly connect: <T>(cluster: string, look: (etcd: EtcdSource, wanted: ProofWanted) => Promise<T>) => Promise<T>;
  /** What `lifeboat doctor --keys` says. */
  readonly checkKeys: (signal: AbortSignal) => Promise<readonly KeysReport[]>;
  readonly programs: () => Promise<BundlePrograms>;
}

/** The whole history: one cluster's is read anyway, to hold the log against itself. */
const ALL = Infinity;

/** Everything that the verdict on a cluster goes by: all that is stored about it, etcd, the keys, and the programs of this machine for nodes of these architectures. Throws `interrupted` only. */
export async function gatherReady(
  ports: ReadyPorts,
  cluster: string,
  ofStore: StoreFacts,
  { architectures, signal }: { readonly architectures: readonly Architecture[]; readonly signal: AbortSignal },
): Promise<ReadyFacts> {
  const [facts, etcd, keys] = await Promise.all([
    gather(ports, cluster, ofStore, { depth: "all", historyMs: ALL, comparesChecksum: true, signal }),
    learn(() => ports.connect(cluster, (source, wanted) => askEtcd(source, wanted, ports.clock, signal))),
    learn(() => lookAtKeys(ports, signal)),
  ]);
  return {
    ...facts,
    etcd: etcd.known ? etcd.value : etcd,
    keys,
    programs: await programFacts(ports, facts, architectures, signal),
    ...(await nodeFilesFacts(ports, facts, signal)),
  };
}

/** Nothing, where nobody keeps any and nobody asks for them. */
async function nodeFilesFacts(
  ports: ReadyPorts,
  { cluster, policy, newestGood }: ClusterFacts,
  signal: AbortSignal,
): Promise<Pick<ReadyFacts, "nodeFiles" | "encryptionKeys">> {
  const sets = await learn(async () => (await readNodeFiles(ports, cluster, undefined, signal)).byNode);
  if (!sets.known) return { nodeFiles: sets, encryptionKeys: sets };
  if (sets.value.size === 0 && policy?.nodeFilesEveryMs === undefined) return { nodeFiles: undefined, encryptionKeys: undefined };
  const kept = [...sets.value.values()]
    .flat()
    .flatMap(({ document }) => document.encryptionKeys.map(({ kind, name }) => `${kind} ${name}`));
  return {
    nodeFiles: known({ nodes: [...sets.value.keys()] }),
    encryptionKeys: newestGood.known ? keysNeeded(newestGood.value, [...new Set(kept)]) : newestGood,
  };
}

/** The key of a KMS provider is in no file: whether it is kept is for whoever runs that service to know. */
function keysNeeded(good: NewestGoodFact | undefined, kept: readonly string[]): NonNullable<ReadyFacts["encryptionKeys"]> {
  if (good === undefined) return unknown("there is no good snapshot");
  if (good.encryption === undefined) return unknown(`the manifest of ${good.id} does not say how values are encrypted`);
  const inFiles = good.encryption.filter(({ provider }) => provider !== "kms");
  return known({ named: inFiles.map(({ provider, keyName }) => `${provider} ${keyName}`), kept });
}

async function askEtcd(etcd: EtcdSource, wanted: ProofWanted, clock: Clock, signal: AbortSignal): Promise<Fact<EtcdFact>> {
  const { endpoints, clientCertificate } = await surveyCluster(etcd, clock, wanted, signal);
  const revisions = statusesOf(endpoints).map(({ revision }) => revision);
  const [first] = endpoints;
  if (revisions.length === 0 && first?.status instanceof Error) return unknown(first.status.message);
  const seen = endpoints.flatMap(({ endpoint, certificate }) =>
    certificate === undefined || certificate instanceof Error ? [] : [{ subject: endpoint, notAfter: certificate.notAfter.getTime() }],
  );
  const own = clientCertificate === undefined ? [] : [{ subject: "client certificate", notAfter: clientCertificate.notAfter.getTime() }];
  return known({
    revision: revisions.length === 0 ? undefined : Math.max(...revisions),
    certificates: [...seen, ...own],
    unseen: endpoints.flatMap(({ endpoint, certificate }) => (certificate instanceof Error ? [endpoint] : [])),
  });
}

async function lookAtKeys({ checkKeys }: ReadyPorts, signal: AbortSignal): Promise<KeysFact> {
  const reports = await checkKeys(signal);
  return {
    location: reports.map(({ location }) => location).join(", "),
    findings: reports.flatMap(({ findings }) => findings.map(({ severity, message, fix }) => ({ severity, message, fix }))),
  };
}

async function programFacts(
  { programs }: ReadyPorts,
  { newestGood }: ClusterFacts,
  architectures: readonly Architecture[],
  signal: AbortSignal,
): Promise<ReadyFacts["programs"]> {
  const good = newestGood.known ? newestGood.value : undefined;
  if (good === undefined) return [];
  const minor = toolsMinorFor(good.etcdVersion);
  const facts: ReadyFacts["programs"][number][] = [];
  for (const architecture of architectures)
    facts.push({
      architecture,
      versions:
        minor === undefined
          ? unknown(`no program is known that restores etcd ${good.etcdVersion}`)
          : await learn(async () => {
              const set = await (await programs()).programsFor(architecture, minor, signal);
              return set.programs.map(({ name, version }) => `${name} ${version}`);
            }),
    });
  return facts;
}
