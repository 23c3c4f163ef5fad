import type { ObjectName } from "../../snapshot/object-names.ts";
import { objectNameOf } from "../../snapshot/object-names.ts";
import type { ChangeKind } from "../../snapshot/comparison.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import type { Difference } from "./diff.ts";

/** What becomes of a key where its cluster goes back to a snapshot: it is gone, there again, or as it was. */
export type Effect = "lost" | "revived" | "reverted";

/** An object that stands for something outside the cluster, which does not go back with it. */
export interface Outside {
  readonly effect: Effect;
  readonly key: Uint8Array;
  readonly object: ObjectName;
  /** What that means, a sentence without its full stop. */
  readonly meaning: string;
}

export interface ResourceEffects extends Readonly<Record<Effect, number>> {
  /** Undefined for keys that are none of Kubernetes'. */
  readonly resource: string | undefined;
  /** Whether its objects stand for something outside. */
  readonly ownsOutside: boolean;
}

export interface Impact {
  readonly counts: Readonly<Record<Effect, number>>;
  readonly outside: readonly Outside[];
  /** Those that own something outside first, then by number. */
  readonly resources: readonly ResourceEffects[];
}

type Meanings = Readonly<Record<Effect, string>>;

const VOLUME: Meanings = {
  lost: "its disk stays, and nothing in the cluster knows of it",
  revived: "its disk may be gone: pods that use it do not start",
  reverted: "what it says of its disk may no longer be true",
};
const CERTIFICATE: Meanings = {
  lost: "what was issued stays valid, and nothing in the cluster renews it",
  revived: "what it names may have expired or been revoked since",
  reverted: "an older certificate comes back, which may have expired",
};
const ADDRESS: Meanings = {
  lost: "what answers at its address outside stays, and may be paid for",
  revived: "it asks for an address again, which may be another one than names outside point to",
  reverted: "what stands outside is changed to what it was",
};

/** Resources whose objects stand for something that etcd does not hold; of services only load balancers do. */
const OWNERS: ReadonlyMap<string, Meanings> = new Map([
  ["persistentvolumes", VOLUME],
  ["persistentvolumeclaims", VOLUME],
  ["volumesnapshotcontents.snapshot.storage.k8s.io", VOLUME],
  [
    "volumeattachments",
    {
      lost: "the disk stays attached to its node, and nothing in the cluster knows of it",
      revived: "it may name a node that no longer has the disk",
      reverted: "it may name a node that no longer has the disk",
    },
  ],
  ["services", ADDRESS],
  ["ingresses", ADDRESS],
  ["gateways.gateway.networking.k8s.io", ADDRESS],
  [
    "nodes",
    {
      lost: "the machine has to join again",
      revived: "the machine may be gone: delete the node if it is",
      reverted: "its kubelet writes its state anew",
    },
  ],
  [
    "machines.cluster.x-k8s.io",
    {
      lost: "the machine stays, and nothing in the cluster knows of it",
      revived: "the machine may be gone, and may be made again",
      reverted: "what it says of the machine may no longer be true",
    },
  ],
  ["certificatesigningrequests", CERTIFICATE],
  ["certificates.cert-manager.io", CERTIFICATE],
]);

const SERVICES = "services";
/** As `spec.type` has it, in JSON and in protobuf. */
const LOAD_BALANCER = Buffer.from("LoadBalancer");

/** How a value begins that Kubernetes encrypted. */
const ENCRYPTED = Buffer.from("k8s:enc:");

/** Whose values must be at hand: see `DiffRequest`. */
export const keepsForImpact: KeyTest = (bytes, start, end) =>
  objectNameOf(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"))?.resource === SERVICES;

const EFFECTS: Readonly<Record<ChangeKind, Effect | undefined>> = {
  added: "lost",
  removed: "revived",
  changed: "reverted",
  // It has the value that it had.
  rewritten: undefined,
};

/** What going back to the earlier state of `difference` would undo. */
export async function impactOf({ changes }: Difference): Promise<Impact> {
  const counts = { lost: 0, revived: 0, reverted: 0 };
  const outside: Outside[] = [];
  const byResource = new Map<string | undefined, Record<Effect, number> & { ownsOutside: boolean }>();
  for await (const { kind, key, value } of changes) {
    const effect = EFFECTS[kind];
    if (effect === undefined) continue;
    counts[effect]++;
    const object = objectNameOf(Buffer.from(key).toString("utf8"));
    const meanings = meaningsOf(object, value);
    const sum = byResource.get(object?.resource) ?? { lost: 0, revived: 0, reverted: 0, ownsOutside: false };
    sum[effect]++;
    byResource.set(object?.resource, sum);
    if (object === undefined || meanings === undefined) continue;
    sum.ownsOutside = true;
    // A node's kubelet writes to it all the time.
    if (effect === "reverted" && object.resource === "nodes") continue;
    outside.push({ effect, key: Buffer.from(key), object, meaning: meanings[effect] });
  }
  const resources = Array.from(byResource, ([resource, sum]) => ({ resource, ...sum })).toSorted(
    (a, b) => Number(b.ownsOutside) - Number(a.ownsOutside) || total(b) - total(a),
  );
  return { counts, outside: outside.toSorted((a, b) => ORDER.indexOf(a.effect) - ORDER.indexOf(b.effect)), resources };
}

/** What cannot be had again by going on comes first. */
const ORDER: readonly Effect[] = ["lost", "revived", "reverted"];

function meaningsOf(object: ObjectName | undefined, value: Uint8Array | undefined): Meanings | undefined {
  if (object === undefined) return undefined;
  if (object.resource !== SERVICES) return OWNERS.get(object.resource);
  const bytes = value === undefined ? ENCRYPTED : Buffer.from(value.buffer, value.byteOffset, value.length);
  // One that cannot be read may be a load balancer.
  const mayBe = bytes.includes(LOAD_BALANCER) || bytes.subarray(0, ENCRYPTED.length).equals(ENCRYPTED);
  return mayBe ? OWNERS.get(SERVICES) : undefined;
}

function total({ lost, revived, reverted }: Readonly<Record<Effect, number>>): number {
  return lost + revived + reverted;
}
