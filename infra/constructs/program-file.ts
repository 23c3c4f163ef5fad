import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Architecture } from "../../shared/bundle/plan.ts";
import { LifeboatError, messageOf } from "../../shared/errors.ts";
import type { KopiaProgram } from "../deployment.ts";

/** https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html: after the magic number and e_type, in the order of bytes that EI_DATA says. */
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const MACHINE_AT = 18;
const MACHINES: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 };

export interface WantedProgram {
  /** As people call it. */
  readonly name: string;
  /** The setting that names the file. */
  readonly setting: string;
  readonly architecture: Architecture;
}

/** Throws `input/not-found` where the file is not there, `input/unusable` where it is another one or for another machine. */
export function requireProgram({ path, sha256 }: KopiaProgram, { name, setting, architecture }: WantedProgram): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new LifeboatError("input/not-found", `cannot read ${name} for the functions: ${messageOf(error)}`, {
      hint: `${setting}.path names the program of a release of ${name} for linux-${architecture}, relative to the configuration`,
      cause: error,
    });
  }
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256)
    throw new LifeboatError("input/unusable", `${path} has the SHA-256 ${actual}, and ${setting}.sha256 says ${sha256}`, {
      hint: `find out which ${name} it is before it goes into the functions, then write its SHA-256 there`,
    });
  if (
    !bytes.subarray(0, ELF.length).equals(ELF) ||
    bytes.length < MACHINE_AT + 2 ||
    bytes.readUInt16LE(MACHINE_AT) !== MACHINES[architecture]
  )
    throw new LifeboatError("input/unusable", `${path} is no program for linux-${architecture}, on which the functions run`, {
      hint: `unpack ${name} of a release's linux-${architecture} archive, and name the program in it`,
    });
}
