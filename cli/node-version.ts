/**
 * The check that comes before anything that an older Node.js cannot load: no import here, and none in what main.ts imports statically, but of what Node.js 18 has.
 */

/** The first releases with zstd in node:zlib, by major version: https://nodejs.org/docs/latest-v24.x/api/zlib.html#zlibcreatezstdcompressoptions */
const FIRST_MINOR: Readonly<Record<string, number>> = { 22: 15, 23: 8 };

/** Why lifeboat does not run on Node.js `version` ("20.20.2"), in one sentence; undefined where it does. */
export function refusalOf(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const first = FIRST_MINOR[major];
  if (first === undefined ? major > 23 : minor >= first) return undefined;
  return `Node.js ${major === 23 ? "23.8" : "22.15"} or later is needed; this is ${version}`;
}
