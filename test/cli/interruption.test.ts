import { expect, test } from "vitest";
import { Interruption, ONE_INTERRUPTION_MS } from "../../cli/interruption.ts";

test("signals that come together are one; a later one does not wait for the clean end", () => {
  let nowMs = 10_000;
  const interruption = new Interruption(() => nowMs);
  expect(interruption.signal.aborted).toBe(false);
  expect(interruption.receive("SIGINT")).toBe(false);
  expect(interruption.signal.reason).toMatchObject({ code: "interrupted", message: "interrupted by SIGINT" });
  nowMs += ONE_INTERRUPTION_MS - 1;
  expect(interruption.receive("SIGINT")).toBe(false);
  expect(interruption.receive("SIGTERM")).toBe(false);
  expect(interruption.signal.reason).toMatchObject({ message: "interrupted by SIGINT" });
  nowMs += 1;
  expect(interruption.receive("SIGINT")).toBe(true);
});
