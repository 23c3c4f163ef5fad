/** What a function gave back. */
export type FunctionAnswer =
  | { readonly status: "succeeded"; readonly output: unknown }
  /** `error` and `message` as the function threw them; the empty text where it gave none. */
  | { readonly status: "failed"; readonly error: string; readonly message: string };

/** The port to the functions of the deployed service that people call. Fails with `service/denied` or `service/failed`, which name the permission that is missing or what was said. */
export interface Functions {
  /**
   * Calls the function of this name, once, and waits for what it gives. Throws `config/not-found` where there is none, `interrupted` where the signal ended the waiting: what was begun then goes on, and is done again by nobody.
   */
  call(name: string, event: object, signal: AbortSignal): Promise<FunctionAnswer>;
}
