import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { terminalSvg } from "../../../tools/recording/terminal-svg.ts";

describe("a recording of a terminal", () => {
  it("shows each line at its time, wraps the long ones, and escapes what it shows", () => {
    const svg = terminalSvg(
      [
        { text: "$ lifeboat ls", atMs: 0 },
        { text: 'a <b> & "c" and more than fits', atMs: 500 },
      ],
      20,
      "two lines",
    );
    expect(svg).toContain(`<text class="a0 t" x="16" y="57">$ lifeboat ls</text>`);
    expect(svg).toContain(">a &lt;b&gt; &amp; &quot;c&quot; and more</text>");
    expect(svg).toContain(">    than fits</text>");
    expect(svg).toContain("@keyframes a1{0%,5.88%{opacity:0}");
  });

  it("in docs/ is one of the commands of today", () => {
    const svg = readFileSync(new URL("../../../docs/demo.svg", import.meta.url), "utf8");
    for (const text of [
      "$ lifeboat backup demo",
      "proof:     proven",
      "$ lifeboat ls",
      "$ lifeboat verify demo/latest --deep",
      "every value, revision",
    ])
      expect(svg).toContain(text);
    expect(svg).not.toContain("<script");
  });
});
