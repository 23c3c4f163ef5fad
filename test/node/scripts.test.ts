import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { needs } from "../support/programs.ts";

/** The scripts for nodes: what a node of 2014 (CentOS 7: bash 4.2, coreutils 8.22, tar 1.26, openssl 1.0.2) would not understand. */

const FOLDER = fileURLToPath(new URL("../../node/", import.meta.url));
/** Carried to nodes by itself, and with curl where somebody wants it. */
const ALONE = "collect.sh";
const ENTRIES = ["restore.sh", "member.sh"];
const SCRIPTS = [ALONE, ...ENTRIES, ...readdirSync(join(FOLDER, "lib")).map((name) => `lib/${name}`)];

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

/**
 * Every option that the scripts give to a program, all of them in coreutils 8.22, tar 1.26 and openssl 1.0.2. Whoever needs another one looks in the
 * program's NEWS whether it was there in 2014, and adds it here.
 */
const OPTIONS: Readonly<Record<string, string>> = {
  cat: "",
  chcon: "-R --reference",
  chmod: "-R",
  chown: "-R --reference",
  cp: "-a -T",
  date: "-u -d",
  dd: "",
  df: "-P -B",
  dirname: "",
  env: "-i",
  head: "-c",
  ln: "-s -T",
  mkdir: "-p -m",
  mktemp: "-d",
  mv: "-T -n",
  od: "-An -v -tu1 -tx1 -j -N",
  readlink: "-f -m",
  rm: "-rf -f",
  rmdir: "",
  sha256sum: "",
  sleep: "",
  stat: "-L -c",
  sync: "",
  tail: "-c -n",
  tar: "-x -c -f -C -T --no-same-owner --no-same-permissions --format --numeric-owner --dereference --hard-dereference --no-recursion --mode --transform --null",
  timeout: "--foreground",
  tr: "-d",
  uname: "-n -m",
  wc: "-c",
  openssl:
    "version dgst -sha256 -r -verify -signature pkey -pubin -pubout -in -outform genpkey -algorithm s_client -quiet -connect -cert -key",
  // Of bash itself.
  declare: "-a -A",
  kill: "-TERM",
  local: "-a -A",
  printf: "-v",
  read: "-r -d -a",
  readonly: "",
  set: "-o -f",
  shopt: "-s -u",
  trap: "-",
  type: "-P",
  unset: "-v",
};

/** Where a command begins: the line, what joins commands, and the words before one. */
const BEGINS = String.raw`(?:^|[|&;({!]|\$\(|\b(?:then|do|else|if|elif|while|until)\b) *`;
const CALL = new RegExp(`${BEGINS}(${Object.keys(OPTIONS).join("|")})(?= |$)([^|&;()<>]*)`, "g");
/** What runs another command: its own words, and that command. */
const RUNS = /^(?<own>(?: +-\S+| +\w+=\S+| +[\d.]+| +"\$WAIT")*) +(?<command>[^-].*)$/;

/** The options in a line of code that OPTIONS does not have, each behind its program. For openssl its commands too. */
function newOptions(line: string): readonly string[] {
  return [...line.matchAll(CALL)].flatMap(([, program = "", rest = ""]): readonly string[] => {
    // What printf prints is no option.
    const given = program === "printf" ? rest.replace(/['"].*/, "") : rest;
    const { own, command } = (["env", "timeout"].includes(program) && RUNS.exec(given)?.groups) || { own: given, command: "" };
    const known = OPTIONS[program]?.split(" ") ?? [];
    const words =
      own
        ?.trim()
        .split(/(?:^| )--(?: |$)/)[0]
        ?.split(" ") ?? [];
    const options = words.flatMap((word, index) => {
      if (program === "openssl" && index === 0) return [word];
      return /^--?[A-Za-z]/.test(word) ? [word.split("=")[0] ?? ""] : [];
    });
    return [...options.filter((each) => !known.includes(each)).map((each) => `${program} ${each}`), ...newOptions(command ?? "")];
  });
}

/** Without comments, which may name what they like, and without the text of messages. */
function code(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8")
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .map((line) => line.replace(/\b(?:say|note|warn|problem|refuse\w*)\b.*$/, ""))
    .filter((line) => name !== ALONE || !/^ +curl --config - /.test(line))
    .join("\n");
}

test.each(SCRIPTS)("%s does without what old nodes do not have", (name) => {
  const lines = code(name).split("\n");
  expect(TOO_NEW.flatMap(([pattern, what]) => lines.filter((line) => pattern.test(line)).map((line) => `${what}: ${line}`))).toEqual([]);
  expect(lines.flatMap((line) => newOptions(line).map((option) => `${option}: ${line}`))).toEqual([]);
  // openssl 1.0.2 has none: keygen says so.
  if (name !== "lib/keygen.sh") expect(lines.filter((line) => /X25519|ED25519/i.test(line))).toEqual([]);
});

test("the check of options sees those that came later, wherever the command stands", () => {
  const offenders = {
    "sum=$(sha256sum -z <x)": "sha256sum -z",
    "if ! mv -T --exchange -- a b; then": "mv --exchange",
    "x | env -i PATH=/bin tail -n 1 --debug": "tail --debug",
    "timeout 5 openssl s_client -brief -connect x": "openssl -brief",
    "[[ -n $x ]] || { cp --update=none a b; }": "cp --update",
    "openssl kdf -keylen 3": "openssl kdf",
    'tar -x --one-top-level -f "$x"': "tar --one-top-level",
    "while read -r -N 1 x; do": "read -N",
  };
  for (const [line, found] of Object.entries(offenders)) expect(newOptions(line)).toContain(found);
  expect(newOptions('rm -f -- "$x"; mv -T -- -odd name')).toEqual([]);
});

test("each pattern finds what it is there for", () => {
  const offenders =
    "local -n x=y;wait -n;[[ -v a[1] ]];${a[-1]};${x@Q};mapfile -d '' x;inherit_errexit;$EPOCHSECONDS;$SRANDOM;cat <<X;tee -p;sha256sum --ignore-missing;b2sum;cut -z;mv --exchange;env -S;tar --one-top-level;openssl kdf;x | grep y;if grep y";
  for (const offender of offenders.split(";"))
    expect(
      TOO_NEW.some(([pattern]) => pattern.test(offender)),
      offender,
    ).toBe(true);
});

test.skipIf(needs("shellcheck"))("shellcheck has nothing to say", { timeout: 120_000 }, () => {
  const given = ["-x", "-a", ...ENTRIES, ALONE, "../examples/node/collect-to-s3.sh"];
  expect(execFileSync("shellcheck", given, { cwd: FOLDER, encoding: "utf8" })).toBe("");
});

/** The parts that a script loads, itself first. */
function loadedBy(entry: string): readonly string[] {
  const parts = [...readFileSync(join(FOLDER, entry), "utf8").matchAll(/^\. "\$LIBRARY\/([a-z-]+\.sh)"$/gm)];
  return [entry, ...parts.map(([, name]) => `lib/${name}`)];
}

test("every part of the library is loaded, and bash reads it", () => {
  expect([...new Set(ENTRIES.flatMap(loadedBy))].toSorted()).toEqual(SCRIPTS.filter((name) => name !== ALONE).toSorted());
  for (const name of SCRIPTS) execFileSync("bash", ["-n", join(FOLDER, name)]);
});

/** Calls of functions: their names have a `_`, which no program's has here. Texts between single quotes are left out, and arithmetic. */
const FUNCTION_CALL =
  /(?:^|[;&|]|(?<!\()\((?!\()|(?<!\$)\{ |! |\b(?:then|do|else|if|elif|while|until)\b|\bwithin "\$WAIT" "[^"]*")\s*([a-z]+(?:_[a-z]+)+)(?=[ ;)"]|$)/gm;

/** bash itself finds out about a missing one only when it is called, and then often where a failure is an answer. */
function missingFunctions(entry: string): readonly string[] {
  const texts = loadedBy(entry).map((name) => readFileSync(join(FOLDER, name), "utf8"));
  const defined = new Set(texts.flatMap((text) => [...text.matchAll(/^([a-z_]+)\(\) *\{/gm)].map(([, name]) => name)));
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => !/^\s*#/.test(line));
  const called = lines.flatMap((line) =>
    [...line.replaceAll(/'[^']*'|\(\(.*?\)\)/g, "").matchAll(FUNCTION_CALL)].map(([, name]) => name ?? ""),
  );
  return [...new Set(called)].filter((name) => !defined.has(name));
}

test.each(ENTRIES)("every function that %s calls is there", (entry) => {
  expect(missingFunctions(entry)).toEqual([]);
});
