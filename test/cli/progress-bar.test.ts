import { Writable } from "node:stream";
import { expect, test } from "vitest";
import type { Console } from "../../cli/console.ts";
import { ConsoleProgress } from "../../cli/progress-bar.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

/** What a terminal of `columns` was sent. */
function terminal(columns: number): { console: Console; clock: ManualClock; sent: () => string } {
  let text = "";
  const stderr = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done();
      },
    }),
    // What cli-progress asks of a terminal beyond Node's interface.
    { isTTY: true, columns, cursorTo: () => true, clearLine: () => true, moveCursor: () => true },
  );
  const clock = new ManualClock();
  return {
    console: { stdout: stderr, stderr, environment: {}, cwd: "/", clock, signal: new AbortController().signal },
    clock,
    sent: () => text,
  };
}

test.each([60, 80, 120])("the time left is seen on a terminal of %i columns", (columns) => {
  const { console, clock, sent } = terminal(columns);
  const progress = new ConsoleProgress(console);
  progress.phase("stream", 2 ** 30);
  clock.advance(10_000);
  progress.advance(2 ** 28);
  progress.close();
  expect(sent()).toContain("256.0 MiB of 1.0 GiB  25.6 MiB/s  30.0 s left");
  const bars = sent().match(/stream \[=* *\]/g) ?? [];
  expect(bars.length).toBeGreaterThan(0);
  expect(bars.at(-1)?.length).toBe(
    "stream []".length + Math.min(24, columns - "stream [] 256.0 MiB of 1.0 GiB  25.6 MiB/s  30.0 s left".length),
  );
});
