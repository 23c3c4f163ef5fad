import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { changesOf, digestsOf, signerOf, sumsText } from "../../../tools/release/steps.ts";

describe("a release", () => {
  it("has the changes of its own version alone", () => {
    const text = "# Changelog\n\n## Unreleased\n\n- a\n\n## 1.10.0 (2027-01-02)\n\n- b\n- c\n\n## 1.1.0\n\n- d\n";
    expect(changesOf(text, "1.10.0")).toBe("- b\n- c");
    expect(changesOf(text, "1.1.0")).toBe("- d");
    expect(changesOf(text, "1.1")).toBeUndefined();
  });

  it("lists digests as sha256sum does", async () => {
    const folder = mkdtempSync(join(tmpdir(), "release-"));
    writeFileSync(join(folder, "b.tgz"), "b");
    writeFileSync(join(folder, "a.tgz"), "a");
    const [a, b] = ["a", "b"].map((text) => createHash("sha256").update(text).digest("hex"));
    expect(sumsText(await digestsOf(folder))).toBe(`${a}  a.tgz\n${b}  b.tgz\n`);
  });

  it("is signed by a key on P-256, and by no other", () => {
    const other = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(() => signerOf(other, "release.pem")).toThrow("release.pem is no key on P-256");
    expect(() => signerOf("nothing", "release.pem")).toThrow("release.pem is no private key in PEM");
  });
});
