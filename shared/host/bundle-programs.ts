import type { Origin } from "./program-finder.ts";

/** Of the machine that a bundle is for, in Go's words. */
export const BUNDLE_ARCHITECTURES = ["amd64", "arm64"] as const;
export type BundleArchitecture = (typeof BUNDLE_ARCHITECTURES)[number];
/** Whose etcdctl and etcdutl: of the cluster's minor, and 3.5 for a cluster of 3.4. */
export type ToolsMinor = "3.5" | "3.6" | "3.7";

/** One program as it goes into a restore bundle: a static ELF executable for Linux. */
export interface BundleProgram {
  readonly name: "age" | "etcdctl" | "etcdutl" | "unzstd";
  /** Without a leading v: `3.6.16`. Of unzstd, the version of the zstd library that is linked into it. */
  readonly version: string;
  readonly bytes: Uint8Array;
  /** Of `bytes`, 64 hex digits. */
  readonly sha256: string;
  /** Where the bytes were read from, absolute. */
  readonly path: string;
  readonly origin: Origin;
}

export interface BundleProgramSet {
  /** age, etcdctl, etcdutl and unzstd, in this order. */
  readonly programs: readonly BundleProgram[];
  /**
   * Text in UTF-8: the licences of what is linked into the programs. Of a program that came without a file of licences it says so, and names what is linked into it and
   * where its licence is to be read.
   */
  readonly licences: Uint8Array;
}

/**
 * Gives the programs that a node needs to restore from a bundle. Each is checked before it is taken, by its bytes, so that those for another architecture can be had too:
 * that it is an executable for the architecture, needs nothing of the machine that it runs on, and is of the project and minor that was asked for.
 */
export interface BundlePrograms {
  /** Throws `config/not-found` where one is nowhere to be had, with every place and what stood there; `interrupted`. */
  programsFor(architecture: BundleArchitecture, minor: ToolsMinor, signal: AbortSignal): Promise<BundleProgramSet>;
}
