/** One holder at a time per name on this host. The adapter is file-lock.ts. */
export interface HostLock {
  /**
   * Waits until `name` is free and takes it. `onWait` is called once, with who holds it, where it has to wait. A holder that died holds nothing. Throws `busy` after
   * `timeoutMs`, `interrupted` by the signal. The result lets it go.
   */
  acquire(
    name: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal; readonly onWait: (holder: string) => void },
  ): Promise<() => Promise<void>>;
}
