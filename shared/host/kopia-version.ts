/**
 * The oldest kopia that is taken: the first that has every flag which each run gives (--disable-content-log came last: else it logs every block to the disk).
 */
export const OLDEST_KOPIA = "0.22.0";

/** Whether it is one that somebody built from source and gave no version: `v0-unofficial`. */
export function isUnofficialKopia(version: string): boolean {
  return version === "0-unofficial";
}

/** Whether lifeboat works with it, as far as its version tells. One without a version passes: nothing speaks against it. */
export function isSupportedKopia(version: string): boolean {
  if (isUnofficialKopia(version)) return true;
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_KOPIA.split(".").map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
