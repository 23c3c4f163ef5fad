import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Sets of node files as docs/format.md, "Node files", has them: by tar itself from a folder that stands for a node's file system. */

export interface SetMaking {
  /** Stands for `/`. */
  readonly root: string;
  /** Below it, without a leading slash. */
  readonly paths: readonly string[];
  readonly cluster?: string;
  readonly node?: string;
  readonly time?: string;
}

/** The plain archive. */
export function packSet({ root, paths, cluster = "prod", node = "node-a", time = "2026-11-21T09:00:00Z" }: SetMaking): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-set-"));
  try {
    writeFileSync(join(folder, "node-files"), `VERSION=1\nCLUSTER=${cluster}\nNODE=${node}\nCOLLECTED_AT=${time}\n`);
    const flags = ["--format=ustar", "--numeric-owner", "--dereference", "--hard-dereference"];
    const rename = "--transform=s,^,files/,;s,^files/node-files$,node-files,";
    return execFileSync("tar", ["-c", ...flags, rename, "-C", folder, "node-files", "-C", root, ...paths], { maxBuffer: 2 ** 28 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
