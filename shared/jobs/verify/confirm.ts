import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { statusesOf } from "../../etcd/cluster-facts.ts";
import type { EtcdSource } from "../../etcd/etcd-source.ts";
import { surveyCluster } from "../../etcd/survey.ts";
import type { Survey } from "../../etcd/survey.ts";
import { isWhole } from "../../documents/content.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { readLineages } from "../../vault/lineage/lineages.ts";
import { claimedRevision, Questions, Settled } from "./inquiry.ts";
import type { ConfirmPorts, Inquiry, MembersToAsk } from "./inquiry.ts";

/** A look at the cluster serves so long: many snapshots may be verified one after the other. */
const SURVEY_MS = 60_000;

/**
 * Asks the members of one cluster whether they confirm snapshots, for as long as a run verifies. Members are known for a minute, and a revision that was found compacted is not asked for again, nor an
 * older one: what is verified long afterwards costs them nothing. Close it.
 */
export class Confirmer {
  readonly #ports: ConfirmPorts;
  readonly #cluster: string;
  #connecting: Promise<MembersToAsk> | undefined;
  #surveyed: { readonly survey: Survey; readonly atMs: number } | undefined;
  /** The highest revision that members no longer had, and of which etcd cluster. */
  #compacted: { readonly clusterId: string; readonly revision: number; readonly reason: string } | undefined;

  constructor(ports: ConfirmPorts, cluster: string) {
    this.#ports = ports;
    this.#cluster = cluster;
  }

  /**
   * Asks as many members as must confirm what `manifest` claims, now, since its revision may be compacted by the time that it was read back. Throws `verify/not-confirmed` where they are another
   * cluster, else only by the signal.
   */
  async begin(manifest: Manifest, signal?: AbortSignal): Promise<Inquiry> {
    const why = whyNobody(manifest);
    if (why !== undefined) return new Settled("not asked", why);
    const members = await this.#connect();
    if ("notAsked" in members) return new Settled("not asked", members.notAsked);
    const revision = claimedRevision(manifest);
    const { clusterId } = manifest.etcd;
    if (this.#compacted?.clusterId === clusterId && revision <= this.#compacted.revision)
      return new Settled("too late", this.#compacted.reason);
    const survey = await this.#survey(members, signal);
    const elsewhere = await this.#isElsewhere(manifest, survey, signal);
    if (elsewhere !== undefined) return elsewhere;
    const inquiry = new Questions(
      { ...this.#ports, etcd: members.etcd },
      { cluster: this.#cluster, policy: members.policy, survey, signal },
      manifest,
      {
        onTooLate: (reason) => {
          this.#compacted = { clusterId, revision, reason };
        },
      },
    );
    await inquiry.ask();
    return inquiry;
  }

  async close(): Promise<void> {
    const members = await this.#connecting?.catch(() => undefined);
    if (members !== undefined && "etcd" in members) members.etcd.close();
  }

  /** A secret that cannot be read here, on an auditor's machine for one, is no fault of the snapshot. */
  async #connect(): Promise<MembersToAsk> {
    this.#connecting ??= this.#ports.membersOf(this.#cluster).catch((error: unknown) => {
      if (!isLifeboatError(error, "config/secret")) throw error;
      return { notAsked: error.message };
    });
    return this.#connecting;
  }

  async #survey({ etcd, policy }: Extract<MembersToAsk, { readonly etcd: EtcdSource }>, signal?: AbortSignal): Promise<Survey> {
    const { clock } = this.#ports;
    if (this.#surveyed === undefined || clock.monotonicMs() - this.#surveyed.atMs > SURVEY_MS)
      this.#surveyed = { survey: await surveyCluster(etcd, clock, policy, signal), atMs: clock.monotonicMs() };
    return this.#surveyed.survey;
  }

  /** Where the members that answer are of another etcd cluster than the snapshot claims: it is not this one's, unless a person accepted that the cluster has become another one since. */
  async #isElsewhere({ cluster, id, etcd, lineage }: Manifest, { endpoints }: Survey, signal?: AbortSignal): Promise<Inquiry | undefined> {
    const ids = [...new Set(statusesOf(endpoints).map(({ clusterId }) => clusterId))];
    if (ids.length === 0 || (ids.length === 1 && ids[0] === etcd.clusterId)) return undefined;
    if (ids.length > 1) return new Settled("not asked", `the endpoints lead to different etcd clusters: ${ids.join(", ")}`);
    const { links } = await readLineages(this.#ports, cluster, signal);
    const own = links.find((link) => link.lineage.number === lineage);
    const since = links.find(
      (link) => link.lineage.number > lineage && link.acceptance !== undefined && ids.includes(link.lineage.clusterId),
    );
    if (own?.lineage.clusterId === etcd.clusterId && since !== undefined)
      return new Settled("too late", `the cluster is another one since lineage ${since.lineage.number}, which a person accepted`);
    throw new LifeboatError(
      "verify/not-confirmed",
      `${cluster}/${id} is not confirmed: it claims to be of etcd cluster ${etcd.clusterId}, and the endpoints of ${cluster} lead to ${ids.join(", ")}`,
      {
        hint: `if the cluster was built anew since, back it up and accept its lineage (lifeboat lineage accept ${cluster} NUMBER); otherwise do not restore from this snapshot, and find out who can sign with the snapshot key`,
      },
    );
  }
}

/** Why nobody is to be asked about a snapshot, whoever could be; undefined where it is worth it. */
function whyNobody({ content, quarantine }: Manifest): string | undefined {
  if (quarantine !== undefined) return "it is in quarantine";
  return isWhole(content) ? undefined : `its page tree is broken (${content.tree})`;
}
