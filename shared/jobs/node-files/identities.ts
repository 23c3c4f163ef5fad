import type { Intake } from "../../documents/intake.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { openIntake, openNodeFiles } from "../../store/intake-keys.ts";
import { readIntake, readIntakes } from "../../vault/node-files/intakes.ts";
import type { NodeFilesPorts } from "./ports.ts";

interface Opener {
  readonly number: number;
  readonly identity: string;
}

/** So many intakes before the one in use are tried: nobody rotates so often within the time that sets wait in an inbox. */
const OLDER = 4;

/** The intake identities of a cluster, each unwrapped once, when it is first needed: the one in use, and then those before it. */
export class IntakeIdentities {
  readonly #ports: NodeFilesPorts;
  readonly #cluster: string;
  readonly #signal: AbortSignal | undefined;
  readonly #opened = new Map<number, Promise<Opener | undefined>>();
  #current: Promise<Intake> | undefined;

  constructor(ports: NodeFilesPorts, cluster: string, signal?: AbortSignal) {
    this.#ports = ports;
    this.#cluster = cluster;
    this.#signal = signal;
  }

  /** Calls `work` with the plaintext of a set, opened by the intake that it is encrypted to. Throws `keys/no-match` where that is none of these, `ref/not-found` where there is none at all. */
  async open<T>(
    what: string,
    ciphertext: () => AsyncIterable<Uint8Array>,
    work: (plaintext: AsyncIterable<Uint8Array>, intake: number) => Promise<T>,
  ): Promise<T> {
    const { number: current } = await (this.#current ??= this.#inUse());
    for (let number = current; number > 0 && number >= current - OLDER; number--) {
      const opener = await this.#identityOf(number, number === current);
      if (opener === undefined) continue;
      try {
        return await work(openNodeFiles(opener.identity, ciphertext()), number);
      } catch (error) {
        if (!isLifeboatError(error, "keys/no-match")) throw error;
      }
    }
    throw new LifeboatError("keys/no-match", `${what} is not encrypted to the intake of ${this.#cluster}`, {
      hint: `give the node the recipient that lifeboat node-files recipient ${this.#cluster} prints, and collect again`,
    });
  }

  async #inUse(): Promise<Intake> {
    const { current, faults } = await readIntakes(this.#ports, this.#cluster, this.#signal);
    if (current !== undefined) return current.intake;
    throw (
      faults[0] ??
      new LifeboatError("ref/not-found", `there is no intake of ${this.#cluster} in ${this.#ports.blobs.location}`, {
        hint: `lifeboat node-files recipient ${this.#cluster} makes one, and prints the recipient for collect.sh`,
      })
    );
  }

  /** Undefined for an older one that is not there, or not believed: the others may do. */
  #identityOf(number: number, isCurrent: boolean): Promise<Opener | undefined> {
    const known = this.#opened.get(number);
    if (known !== undefined) return known;
    const opening = this.#unwrap(number, isCurrent);
    this.#opened.set(number, opening);
    return opening;
  }

  async #unwrap(number: number, isCurrent: boolean): Promise<Opener | undefined> {
    try {
      const { intake } = await readIntake(this.#ports, this.#cluster, number, this.#signal);
      return { number, identity: await openIntake(intake, this.#ports.storeKeys, { signal: this.#signal }) };
    } catch (error) {
      if (isCurrent || !isLifeboatError(error, "verify/", "ref/later", "keys/no-match")) throw error;
      return undefined;
    }
  }
}
