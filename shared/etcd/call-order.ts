/**
 * Who answers the next call to an endpoint that several members stand behind. A load balancer of connections leads all calls of one connection to one member. A proxy of calls
 * (etcd's own, or one of HTTP/2) sends each to another; most take the members in turn, so that whoever came after a member the last time is the best guess.
 */
export class CallOrder {
  readonly #followers = new Map<string, string>();
  #last: string | undefined;
  #isPerCall: boolean;

  constructor(isPerCall: boolean) {
    this.#isPerCall = isPerCall;
  }

  get isPerCall(): boolean {
    return this.#isPerCall;
  }

  /** The call that was just answered was answered by `memberId`. */
  saw(memberId: string): void {
    if (this.#last !== undefined) this.#followers.set(this.#last, memberId);
    this.#last = memberId;
  }

  /** On one connection `first` answered one call, and `then` a later one. */
  answered(first: string, then: string): void {
    if (first !== then) this.#isPerCall = true;
    this.saw(then);
  }

  /** Who is to be expected after `memberId` on the same connection; undefined where nobody knows. */
  after(memberId: string): string | undefined {
    return this.#isPerCall ? this.#followers.get(memberId) : memberId;
  }
}
