/** Above what a look into the memory of the system takes, and below what a disk or a network takes. */
const QUICK_NS = 1_000_000n;
/** After one that was not quick, so many go by the thread pool, which waits for four at a time. */
const PASSED_OVER = 64;

/**
 * Whether small calls to the file system are made at once, in place of by the thread pool. Where the files are in memory, as of a store that was read before, handing a call over costs five times the call. Where they are not, many are
 * waited for side by side, and nothing else is held up meanwhile. Which it is shows only in how long a call took.
 */
export class DiskPace {
  #left = 0;

  isQuick(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  /** What `call` gives. */
  time<T>(call: () => T): T {
    const began = process.hrtime.bigint();
    try {
      return call();
    } finally {
      if (process.hrtime.bigint() - began > QUICK_NS) this.#left = PASSED_OVER;
    }
  }
}
