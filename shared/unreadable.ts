/** What a look at a store or key could not find out: no good news, and no bad ones. */
export interface Unreadable {
  /** `denied`: this caller may not look; `unsupported`: the service has no such question. */
  readonly unseen: "denied" | "unsupported";
  /** One line of what was said. */
  readonly reason: string;
}

export type MaybeUnreadable<T> = T | Unreadable;

export function isUnreadable(value: unknown): value is Unreadable {
  return typeof value === "object" && value !== null && "unseen" in value;
}

/** Whether a caller may do something, as far as a harmless call can tell. */
export interface Answer {
  readonly is: "allowed" | "denied" | "unknown";
  /** Why it is not known. */
  readonly reason?: string;
}

export const ALLOWED: Answer = { is: "allowed" };
export const DENIED: Answer = { is: "denied" };
