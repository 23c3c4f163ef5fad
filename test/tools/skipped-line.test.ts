import { expect, test } from "vitest";
import { skippedLine } from "../../tools/run-tests/skipped-line.ts";

test.each([
  [{ names: [], tests: 0 }, undefined],
  [{ names: [], tests: 3 }, undefined],
  [
    { names: ["zsh", "etcd-3.4", "etcd-3.4"], tests: 60 },
    "60 tests were skipped for want of etcd 3.4, zsh: apt-get install etcd-server etcd-client zsh",
  ],
  [{ names: ["jq"], tests: 1 }, "1 test was skipped for want of jq: apt-get install jq"],
  [{ names: ["zstd"], tests: undefined }, "some tests were skipped for want of zstd: apt-get install zstd"],
  [{ names: ["openssl"], tests: 0 }, "some tests were skipped for want of openssl: apt-get install openssl"],
  [
    { names: ["age", "etcd-3.6", "zsh"], tests: 9 },
    "9 tests were skipped for want of age, etcd 3.6, zsh: npm run setup && apt-get install zsh",
  ],
  [{ names: ["the loopback address of IPv6"], tests: 2 }, "2 tests were skipped for want of the loopback address of IPv6"],
])("the last line of a run: %j", (skipped, line) => {
  expect(skippedLine(skipped)).toBe(line);
});
