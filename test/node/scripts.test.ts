import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { needs } from "../support/programs.ts";

/** The scripts for nodes: what a node of 2014 (CentOS 7: bash 4.2, coreutils 8.22, tar 1.26, openssl 1.0.2) would not understand. */

const FOLDER = fileURLToPath(new URL("../../node/", import.meta.url));
const SCRIPTS = ["restore.sh", ...readdirSync(join(FOLDER, "lib")).map((name) => `lib/${name}`)];

/** What came later, each with the release that brought it, and programs that are no part of coreutils, openssl and tar. */
const TOO_NEW: readonly (readonly [RegExp, string])[] = [
  [/\b(?:local|declare|typeset) +-[A-Za-z]*n/, "namerefs: bash 4.3"],
  [/\bwait +-[A-Za-z]*[nfp]/, "wait -n: bash 4.3"],
  [/\[\[ +-v +\w+\[/, "-v of an element: bash 4.3"],
  [/\$\{\w+\[-\d/, "negative subscripts: bash 4.3"],
  [/\$\{[^}]*@[QEPAaKkUuL]\}/, "${name@Q}: bash 4.4"],
  [/\b(?:mapfile|readarray) +-d/, "mapfile -d: bash 4.4"],
  [/\blocal +-(?: |$)/, "local -: bash 4.4"],
  [/\binherit_errexit\b/, "inherit_errexit: bash 4.4"],
  [/\bEPOCH(?:SECONDS|REALTIME)\b/, "EPOCHSECONDS: bash 5.0"],
  [/\bSRANDOM\b/, "SRANDOM: bash 5.1"],
  [/<<<|<<-?\s*['"]?(?!END\b)[A-Za-z]/, "here-documents but for constant text: files in TMPDIR before bash 5.1"],
  [/\bsync +[^|&;)\s]/, "sync of a file: coreutils 8.24"],
  [/\btee +-p|--output-error/, "tee -p: coreutils 8.24"],
  [/--ignore-missing/, "sha256sum --ignore-missing: coreutils 8.25"],
  [/\bb2sum\b|\bbasenc\b|\bcksum +-a/, "later than coreutils 8.22"],
  [/\bstat +[^|]*--cached|\bls +--zero|\bcut +-z|\btr +-z/, "later than coreutils 8.22"],
  [/\bmv +[^|]*--(?:exchange|no-copy)|\bcp +[^|]*--update=|\bdate +[^|]*--resolution/, "coreutils 9"],
  [/\benv +-S|\btimeout +-v|\btail +[^|]*--debug/, "later than coreutils 8.22"],
  [/--one-top-level|--sort=|--delay-directory-restore|--warning=no-failed/, "later than tar 1.26"],
  [/\bopenssl +(?:dgst +[^|]*-out |kdf|mac|storeutl|fipsinstall)|-pbkdf2|\brawin\b/, "later than openssl 1.0.2"],
  [
    /(?:^|[|&;(]|(?<!\$)\{|\b(?:if|then|else|do|while|until|!)\b) *(?:grep|egrep|sed|awk|gawk|find|xargs|jq|curl|wget|flock|ps|pgrep|pkill|killall|ss|nc|which|hostname|perl|python3?|diff|cmp|file|zstd|gzip)\b(?!=)/,
    "no part of coreutils",
  ],
];

/** Without comments, which may name what they like, and without the text of messages. */
function code(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8")
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .map((line) => line.replace(/\b(?:say|note|warn|refuse\w*)\b.*$/, ""))
    .join("\n");
}

test.each(SCRIPTS)("%s does without what old nodes do not have", (name) => {
  const lines = code(name).split("\n");
  expect(TOO_NEW.flatMap(([pattern, what]) => lines.filter((line) => pattern.test(line)).map((line) => `${what}: ${line}`))).toEqual([]);
});

test("each pattern finds what it is there for", () => {
  const offenders =
    "local -n x=y;wait -n;[[ -v a[1] ]];${a[-1]};${x@Q};mapfile -d '' x;inherit_errexit;$EPOCHSECONDS;$SRANDOM;cat <<X;sync file;tee -p;sha256sum --ignore-missing;b2sum;cut -z;mv --exchange;env -S;tar --one-top-level;openssl kdf;x | grep y;if grep y";
  for (const offender of offenders.split(";"))
    expect(
      TOO_NEW.some(([pattern]) => pattern.test(offender)),
      offender,
    ).toBe(true);
});

test.skipIf(needs("shellcheck"))("shellcheck has nothing to say", { timeout: 120_000 }, () => {
  expect(execFileSync("shellcheck", ["-x", "-a", "restore.sh"], { cwd: FOLDER, encoding: "utf8" })).toBe("");
});

test("every part of the library is loaded, and bash reads it", () => {
  const script = readFileSync(join(FOLDER, "restore.sh"), "utf8");
  for (const name of SCRIPTS.slice(1)) expect(script).toContain(`. "$LIBRARY/${name.slice("lib/".length)}"`);
  for (const name of SCRIPTS) execFileSync("bash", ["-n", join(FOLDER, name)]);
});
