import type { WrappingRecord } from "../documents/parts.ts";
import type { Stored } from "../documents/stored.ts";
import type { BreakGlassCopy } from "../documents/verification.ts";
import type { SnapshotName } from "./snapshot-store.ts";

/** What was added to a snapshot's keys since its backup, signed by the role that verifies. */
export interface AddedKeys {
  readonly wrappings: readonly WrappingRecord[];
  readonly breakGlass: readonly BreakGlassCopy[];
}

/** What the role that verifies knows of a snapshot's keys, having its identity: for the countersignature. */
export interface KeyProof {
  /** The keys of those wrappings that were opened, and hold the identity. */
  readonly opened: readonly string[];
  /** The identity under the configured keys whose wrappings were not opened. */
  readonly wrappings: readonly WrappingRecord[];
  /** The identity for the configured break-glass recipients; undefined where there are none. */
  readonly breakGlass: BreakGlassCopy | undefined;
  /** What a person should know, one sentence each, lower case, no full stop. */
  readonly notes: readonly string[];
}

/** The port to what wraps the keys of snapshots: beside SnapshotStore, and implemented by the same adapters. */
export interface WrappedKeys {
  /** The current wrapping keys: the store's own, then those of replicas. Throws where one cannot be known, or used. */
  wrappingKeys(): Promise<readonly [own: string, ...replicas: string[]]>;

  /**
   * The snapshot's key wrapped once more, under each of those current wrapping keys that `under` does not name and by which no wrapping of its manifest opens: to be kept in a document beside the manifest. Opens it with the key ring,
   * as `SnapshotStore.open` does, and throws the same; the data is not read.
   */
  rewrap(name: SnapshotName, stored: Stored, under: readonly string[]): Promise<readonly WrappingRecord[]>;

  /**
   * Tries each wrapping by the keys that may be used, and makes what those cannot prove: wrappings under the other configured keys, and a copy of the identity for break-glass. The header of the
   * data must have as many stanzas as the manifest names recipients; more cannot be told of it, since nothing but its identity tells whose a stanza is. Throws as `SnapshotStore.open`, and
   * `verify/sealed` also where a wrapping under a key that may be used does not hold the identity.
   */
  prove(name: SnapshotName, stored: Stored, signal?: AbortSignal): Promise<KeyProof>;

  /** The key that opens all snapshots of a store; left out where each snapshot has its own. */
  readonly shared?: SharedKey;
}

/** Kept in a document of its own, whose later numbers take the place of earlier ones. */
export interface SharedKey {
  /** As it is wrapped now. Nothing is opened. */
  look(): Promise<WrappedSharedKey>;
  /** Wraps it under the current wrapping key and for the configured break-glass recipients alone, signed by the audit key; what it was before stays. Throws `busy` where another run came first. */
  rewrap(signal?: AbortSignal): Promise<WrappedSharedKey>;
}

export interface WrappedSharedKey {
  /** Of the document. */
  readonly key: string;
  readonly under: readonly string[];
  readonly breakGlass: readonly string[];
  /** Whether the current wrapping key and the configured break-glass recipients are those, and no others. */
  readonly isCurrent: boolean;
}
