import { ageText } from "../../age-text.ts";
import { newestGoodOf } from "../facts.ts";
import type { Line, ReadyFacts } from "../facts.ts";
import { judgeCustody } from "../rules/custody.ts";
import { judgeData } from "../rules/data.ts";
import { judgeDrills, lastDrillOf } from "../rules/drills.ts";
import { judgeLineages } from "../rules/lineages.ts";
import { judgeLocks } from "../rules/locks.ts";
import { judgeReplicas } from "../rules/replicas.ts";
import { goingIn } from "../rules/retention.ts";
import { ageOf, judgeRpo } from "../rules/rpo.ts";
import { byFindings, ifKnown, no, notKnown, yes } from "./line.ts";
import type { Loss } from "./loss.ts";

const STORE_UNREAD = "lifeboat doctor --store says what is wrong with the store";

/** Questions about what is stored. */

export function goodLine(facts: ReadyFacts): Line {
  const { cluster, now, snapshots } = facts;
  const asked = { name: "snapshot", question: "a good snapshot is stored" };
  return ifKnown(asked, snapshots, STORE_UNREAD, (all) => {
    const good = newestGoodOf(facts);
    if (all.length === 0) return no(asked, ["nothing is stored"], `lifeboat backup ${cluster}, then lifeboat verify ${cluster} --missing`);
    if (good === undefined)
      return no(
        asked,
        [`none of ${all.length} is good`],
        `lifeboat ls ${cluster} says why; lifeboat verify ${cluster} --missing countersigns those that were not yet`,
      );
    const verified = good.verifiedAt === undefined ? [] : [`read back and countersigned ${ageText(now - good.verifiedAt)} ago`];
    return yes(asked, [`${cluster}/${good.id}, the newest of ${all.length}`, ...verified]);
  });
}

/** The one question whose no is a loss and not the end. */
export function ageLine(facts: ReadyFacts, loss: Loss | undefined): Line {
  const { policy, now } = facts;
  const asked = { name: "age", question: "it is as young as promised" };
  const good = newestGoodOf(facts);
  if (good === undefined || policy === undefined)
    return notKnown(asked, good === undefined ? "there is no good snapshot" : "the configuration has no rpo for it", "");
  const evidence = [
    `${ageText(ageOf(now, good))} old, of at most ${ageText(policy.rpoMs)}`,
    ...(loss === undefined ? [] : [writesText(loss)]),
  ];
  const [tooOld] = judgeRpo(facts);
  return tooOld === undefined ? yes(asked, evidence) : no(asked, evidence, tooOld.fix);
}

function writesText({ writes, basis }: Loss): string {
  if (writes === undefined) return "how much was written since is not known";
  const count = `${writes} ${writes === 1 ? "write" : "writes"}`;
  return basis === "etcd" ? `${count} since` : `some ${count} since, by the pace of the last two`;
}

export function dataLine(facts: ReadyFacts): Line {
  const { cluster, newestGood } = facts;
  const asked = { name: "data", question: "its data is there" };
  const good = newestGoodOf(facts);
  if (good === undefined) return notKnown(asked, "there is no good snapshot", "");
  return ifKnown(asked, good.data, STORE_UNREAD, (data) => {
    const own = judgeData({ cluster, newestGood, snapshots: { known: true, value: [good] } });
    if (data.state === "elsewhere") return byFindings(asked, own, ["it is in the Kopia repository, which lifeboat verify reads"]);
    const checksum = newestGood.known ? newestGood.value?.checksum : undefined;
    const compared = checksum?.known === true ? "of the right size and checksum" : "of the right size; its checksum was not compared";
    return byFindings(asked, own, [`${good.storedBytes} bytes, ${compared}`]);
  });
}

/** Where nobody says how often, a month. */
const REHEARSED_MS = 31 * 86_400_000;

export function drillLine(facts: ReadyFacts): Line {
  const { cluster, now, policy, drills } = facts;
  const asked = { name: "drill", question: "a restore was rehearsed" };
  const fix = `lifeboat drill ${cluster}/good`;
  return ifKnown(asked, drills, STORE_UNREAD, () => {
    const last = lastDrillOf(facts);
    if (last === undefined) return no(asked, ["no drill of any snapshot"], fix);
    const every = policy?.drillEveryMs ?? REHEARSED_MS;
    const own = judgeDrills({ ...facts, policy: policy === undefined ? undefined : { ...policy, drillEveryMs: every } });
    return byFindings(asked, own, [`restored and served in ${secondsText(last.tookMs)}, ${ageText(now - last.at)} ago`]);
  });
}

function secondsText(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : ageText(ms);
}

export function custodyLine(facts: ReadyFacts): Line {
  const asked = { name: "custody", question: "the custody log is whole" };
  return ifKnown(asked, facts.custody, STORE_UNREAD, ({ records, head }) =>
    byFindings(asked, judgeCustody(facts), [`${records} records${head === undefined ? "" : `, the last is ${head.sequence}`}`]),
  );
}

export function lineageLine(facts: ReadyFacts): Line {
  const asked = { name: "lineage", question: "no lineage waits for a person" };
  return ifKnown(asked, facts.lineages, STORE_UNREAD, ({ links }) =>
    byFindings(asked, judgeLineages(facts), [links.length === 0 ? "there is none yet" : `lineage ${links.at(-1)?.number}`]),
  );
}

/** Undefined where the configuration promises no lock. */
export function lockLine(facts: ReadyFacts): Line | undefined {
  const { snapshots, policy, now } = facts;
  if (policy?.lockMs === undefined) return undefined;
  const asked = { name: "locks", question: "it is locked as promised" };
  const good = newestGoodOf(facts);
  if (good === undefined || !snapshots.known) return notKnown(asked, "there is no good snapshot", "");
  return ifKnown(asked, good.lockedUntil, "lifeboat doctor --permissions says which role the caller can be", (until) =>
    byFindings(
      asked,
      judgeLocks({ ...facts, snapshots: { known: true, value: [good] } }, () => new Set(goingIn(facts, now))),
      [
        until === undefined
          ? "its lock has ended, as it was to"
          : until === Infinity
            ? "locked with no end"
            : `locked until ${new Date(until).toISOString().slice(0, 10)}`,
      ],
    ),
  );
}

/** Undefined where the configuration has no replica. */
export function replicaLine(facts: ReadyFacts): Line | undefined {
  const { replicas } = facts;
  if (replicas.length === 0) return undefined;
  const asked = { name: "replicas", question: "every replica has it" };
  if (newestGoodOf(facts) === undefined) return notKnown(asked, "there is no good snapshot", "");
  const unread = replicas.find(({ newestGood }) => !newestGood.known);
  if (unread?.newestGood.known === false) return notKnown(asked, unread.newestGood.why, "check that it can be reached from here");
  return byFindings(asked, judgeReplicas(facts), [replicas.map(({ name }) => name).join(", ")]);
}
