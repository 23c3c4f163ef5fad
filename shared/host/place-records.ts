/** What this host remembers of the stores that it has worked with. The adapter is adapter/state-folder.ts. */
export interface PlaceRecords {
  /** The store that was at `location` (a BlobStore's) when this host last made or first met one there; undefined also where that cannot be read. */
  recall(location: string): Promise<KnownStore | undefined>;
  /** Never throws: where it cannot be written, nothing is remembered. */
  remember(location: string, store: string, now: Date): Promise<void>;
}

export interface KnownStore {
  /** Its id. */
  readonly store: string;
  /** When it was first met there, ISO 8601 in UTC. */
  readonly since: string;
  /** The file that says so: without it nothing is remembered. */
  readonly file: string;
}
