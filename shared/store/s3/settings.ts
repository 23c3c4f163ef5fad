/** An S3 bucket, or a part of one, as the configuration describes it. */
export interface S3Settings {
  readonly bucket: string;
  /** Every key is below it; empty for the whole bucket. Ends in a slash where it is not empty. */
  readonly prefix: string;
  /** Left out: what the SDK finds in its own configuration. */
  readonly region?: string | undefined;
  /** Of an S3-compatible store; left out: AWS's own for the region. */
  readonly endpoint?: string | undefined;
  /** The bucket in the path instead of the host's name: most S3-compatible stores. */
  readonly pathStyle: boolean;
  /** Of the AWS command line's files, whose credentials are used; left out: what the SDK finds by itself. */
  readonly profile?: string | undefined;
  /** The twelve digits of the account that the bucket must belong to, sent with every call. */
  readonly expectedBucketOwner?: string | undefined;
  /** SSE-KMS under this key (id, ARN or alias), with a bucket key. */
  readonly sse?: { readonly kmsKey: string } | undefined;
  /** Object Lock: every object that is put is retained so many days from then. */
  readonly lock?: { readonly mode: "governance" | "compliance"; readonly days: number } | undefined;
}

/** How long and how often the store is asked, and how much is held in memory. */
export interface S3Pace {
  /** A connection that stands still so long is cut, and the call tried again. */
  readonly idleMs: number;
  /** How often a call is tried in all. */
  readonly attempts: number;
  /** The first pause between two tries; each later one is twice as long, at most 5 s. */
  readonly pauseMs: number;
  /** Size of the first parts of an upload, and how many of them are on their way at once: see part-plan.ts. */
  readonly partBytes: number;
  readonly inFlight: number;
  /** Told of each pause before a further try, and why. */
  readonly onRetry?: (text: string) => void;
}

export const DEFAULT_PACE: S3Pace = {
  // S3 answers within seconds, or sends white space while it completes a large upload.
  idleMs: 30_000,
  // With the pauses, some 11 s: as long as S3 takes to make room for a prefix that it slows down.
  attempts: 8,
  pauseMs: 100,
  // The smallest that S3 takes: 25 MiB are held. Larger ones were no quicker (bench/), and leave more to send at the end.
  partBytes: 5 * 1024 * 1024,
  inFlight: 4,
};
