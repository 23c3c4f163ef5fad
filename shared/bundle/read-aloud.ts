/** A fingerprint in groups of four hex digits, four groups a line, as people read it aloud: sixteen groups, without `sha256:`. */
export function groupsOf(fingerprint: string): readonly string[] {
  const digits = fingerprint.replace(/^sha256:/, "");
  const groups = digits.match(/.{4}/g) ?? [];
  return Array.from({ length: Math.ceil(groups.length / 4) }, (_, line) => groups.slice(line * 4, line * 4 + 4).join(" "));
}

/** The first sixteen digits of a plan's digest, in groups of four: what people compare between nodes. */
export function shortDigest(digest: string): string {
  return groupsOf(digest)[0] ?? "";
}
