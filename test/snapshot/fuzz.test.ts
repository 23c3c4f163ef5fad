import { expect, test } from "vitest";
import { fuzz } from "./fuzz/fuzz.ts";
import { generatedSamples } from "./fuzz/samples.ts";

/** Another one each time: what failed is had again by its seed (`npm run fuzz -- --generated --runs 1 --seed N`). */
const seed = Math.floor(Math.random() * 2 ** 32);

test(`databases with a few things done to them are whole or not as a plain reader says, and what changed is noticed (seed ${seed})`, async () => {
  const { counts, failure } = await fuzz(generatedSamples(), seed, ({ runs }) => runs < 800);
  expect(failure && { ...failure, bytes: failure.bytes.length }).toBeUndefined();
  // Both outcomes were really met.
  expect(counts.outcomes["whole"]).toBeGreaterThan(30);
  expect(Object.keys(counts.outcomes).length).toBeGreaterThan(6);
});
