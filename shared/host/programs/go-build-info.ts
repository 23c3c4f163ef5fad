/**
 * What the Go linker writes into each executable about how it was made. Format: https://pkg.go.dev/debug/buildinfo, specified by its source (buildinfo.go, "The blob is
 * a 32-byte header"), and for the text https://pkg.go.dev/runtime/debug#BuildInfo.String. That of Go before 1.18, with pointers, is not read.
 */

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const ALIGNMENT = 16;
const HEADER_BYTES = 32;
const FLAGS_AT = 15;
const INLINE = 2;
/** Before and after the text stands a mark, for those who search a file for it. */
const MARK_BYTES = 16;

export interface GoModule {
  readonly path: string;
  /** `v3.6.16`, or `(devel)`. */
  readonly version: string;
}

interface GoBuildInfo {
  /** Of the main package. */
  readonly path: string;
  /** What holds the main package. */
  readonly main: GoModule;
  /** What is linked in besides. */
  readonly dependencies: readonly GoModule[];
  /** Something else was put in the place of the main module. */
  readonly isReplaced: boolean;
  /** Such as `GOOS`. */
  readonly settings: ReadonlyMap<string, string>;
}

/** The build information in the data segment of an executable, or undefined where there is none. */
export function goBuildInfoIn(data: Buffer): GoBuildInfo | undefined {
  const start = startOf(data);
  if (start === undefined || ((data[start + FLAGS_AT] ?? 0) & INLINE) === 0) return undefined;
  const version = textAt(data, start + HEADER_BYTES);
  const text = version && textAt(data, version.end)?.bytes;
  if (text === undefined || text.length < 2 * MARK_BYTES + 1) return undefined;
  return parse(text.subarray(MARK_BYTES, -MARK_BYTES).toString("utf8"));
}

function startOf(data: Buffer): number | undefined {
  for (let at = data.indexOf(MAGIC); at !== -1; at = data.indexOf(MAGIC, at + 1))
    if (at % ALIGNMENT === 0 && at + HEADER_BYTES <= data.length) return at;
  return undefined;
}

/** A string that begins with its length, a varint. */
function textAt(data: Buffer, at: number): { readonly bytes: Buffer; readonly end: number } | undefined {
  let length = 0;
  // Three groups of seven bits are 2 MiB: etcd's text has some 6 kB.
  for (const [index, byte] of data.subarray(at, at + 3).entries()) {
    length |= (byte & 0x7f) << (7 * index);
    if (byte >= 0x80) continue;
    const start = at + index + 1;
    return start + length <= data.length ? { bytes: data.subarray(start, start + length), end: start + length } : undefined;
  }
  return undefined;
}

function parse(text: string): GoBuildInfo | undefined {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const modules = (kind: string): GoModule[] =>
    lines.flatMap(([word, path = "", version = ""]) => (word === kind ? [{ path, version }] : []));
  const path = lines.find(([word]) => word === "path")?.[1];
  const main = modules("mod")[0];
  if (path === undefined || main === undefined) return undefined;
  const settings = lines.filter(([word]) => word === "build").map(([, setting = ""]) => setting);
  return {
    path,
    main,
    dependencies: modules("dep"),
    isReplaced: lines[lines.findIndex(([word]) => word === "mod") + 1]?.[0] === "=>",
    settings: new Map(settings.map((setting) => [setting.split("=", 1)[0] ?? "", setting.slice(setting.indexOf("=") + 1)])),
  };
}
