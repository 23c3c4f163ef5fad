import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { printLongJson } from "../../cli/console.ts";
import type { LazyDocument } from "../../cli/console.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { systemClock } from "../../shared/system-clock.ts";

const ROWS = 2000;

/** A reader that takes nothing after the first piece until it is let go. */
class SlowReader extends Writable {
  readonly taken: string[] = [];
  #go: (() => void) | undefined = () => undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(piece: string, _encoding: string, done: () => void): void {
    this.taken.push(piece);
    if (this.#go === undefined) done();
    else this.#go = done;
  }

  letGo(): void {
    const go = this.#go;
    this.#go = undefined;
    go?.();
  }
}

const print = (stdout: SlowReader, document: LazyDocument<"backupAll">, signal = new AbortController().signal): Promise<void> =>
  printLongJson({ stdout, stderr: stdout, environment: {}, cwd: "/", clock: systemClock, signal }, "backupAll", document);

/** Counts in `made` the rows that were asked for. */
function* rows(made: { count: number }): LazyDocument<"backupAll">["clusters"] & Generator {
  for (; made.count < ROWS; made.count++) yield { cluster: "x".repeat(1000), exitCode: 0, backup: null, error: null, skipped: null };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("rows are made no faster than they are read", async () => {
  const [reader, made] = [new SlowReader(), { count: 0 }];
  const printed = print(reader, { clusters: rows(made) });
  await turn();
  expect(reader.taken.length).toBe(1);
  expect(made.count).toBeLessThan(100);
  reader.letGo();
  await printed;
  expect((JSON.parse(reader.taken.join("")) as { readonly clusters: readonly unknown[] }).clusters.length).toBe(ROWS);
});

test("an interruption ends the wait for a reader that takes nothing", async () => {
  const controller = new AbortController();
  const printed = print(new SlowReader(), { clusters: rows({ count: 0 }) }, controller.signal);
  await turn();
  const reason = new LifeboatError("interrupted", "stopped by SIGTERM");
  controller.abort(reason);
  await expect(printed).rejects.toBe(reason);
});
