/** What stood in the way of tests, and how many were skipped in the run. */
export interface Skipped {
  /** As `skipWithout` was given them, such as `zsh` or `etcd-3.4`. */
  readonly names: readonly string[];
  /** Undefined where tests were also left out for another reason, such as `-t`. */
  readonly tests: number | undefined;
}

/** What Debian has, by the package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "etcd-3.4": ["etcd-server", "etcd-client"],
  curl: ["curl"],
  jq: ["jq"],
  openssl: ["openssl"],
  restic: ["restic"],
  shellcheck: ["shellcheck"],
  zsh: ["zsh"],
  zstd: ["zstd"],
};
/** What `npm run setup` builds into tools/bin. */
const BUILT = /^(age|age-keygen|kube-decode|unzstd|versitygw|etcd-3\.[5-9])$/;

/** The last line of a run: what was skipped for want of what, and the command that brings it. Undefined where nothing was. */
export function skippedLine({ names, tests }: Skipped): string | undefined {
  const missing = [...new Set(names)].toSorted();
  if (missing.length === 0) return undefined;
  const packages = missing.flatMap((name) => PACKAGES[name] ?? []);
  const commands = [
    ...(missing.some((name) => BUILT.test(name)) ? ["npm run setup"] : []),
    ...(packages.length > 0 ? [`apt-get install ${packages.join(" ")}`] : []),
  ];
  const wanted = missing.map((name) => name.replace(/^etcd-(?=\d)/, "etcd ")).join(", ");
  const line = `${counted(tests)} skipped for want of ${wanted}`;
  return commands.length === 0 ? line : `${line}: ${commands.join(" && ")}`;
}

function counted(tests: number | undefined): string {
  // A file that skips nothing but in part of its matrix, such as a list of versions, notes a name and skips no test.
  if (tests === undefined || tests === 0) return "some tests were";
  return tests === 1 ? "1 test was" : `${tests} tests were`;
}
