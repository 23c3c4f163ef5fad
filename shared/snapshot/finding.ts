/** What can be wrong with a snapshot's page tree. Stable: it is printed, signed and alarmed on. */
export type FindingCode =
  | "tree/empty"
  /** No meta page with the right magic, version and checksum. */
  | "tree/meta"
  /** Shorter than the high-water mark says, or not a whole number of pages. */
  | "tree/length"
  /** A page that another names is not the branch or leaf page of that number. */
  | "tree/page"
  /** An element lies outside its page, or not where bbolt writes it. */
  | "tree/elements"
  /** A page is reached twice, or is free as well. */
  | "tree/overlap"
  | "tree/order"
  | "tree/depth"
  /** A bucket's header, name, or inline page. */
  | "tree/bucket"
  /** An entry of bucket `key` is no revision with an mvccpb.KeyValue. */
  | "tree/entry"
  /** More than this reader takes on: it cannot say whether the tree is whole. */
  | "tree/limit";

/** A finding on its way out of the reader; it never leaves shared/snapshot/. */
export class TreeFault extends Error {
  readonly code: FindingCode;

  constructor(code: FindingCode, message: string) {
    super(message);
    this.name = "TreeFault";
    this.code = code;
  }
}
