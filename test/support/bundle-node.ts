import { randomBytes } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { makeBundle, newAgeIdentity, newBundleKey, oldNodePath, RESTORE_SH } from "./restore-bundle.ts";
import type { BundleMaking, MadeBundle } from "./restore-bundle.ts";

export interface Ended {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** Runs restore.sh as on a node with bash, coreutils, openssl and tar and nothing else, against bundles for that node. */
export class BundleNode implements AsyncDisposable {
  readonly snapshot = randomBytes(300_000);
  readonly key = newBundleKey();
  readonly path: string;
  readonly identity: string;
  readonly recipient: string;
  readonly #temporary: TemporaryFolder;
  #count = 0;

  private constructor(temporary: TemporaryFolder) {
    this.#temporary = temporary;
    this.path = oldNodePath(join(temporary.path, "bin"));
    this.identity = join(temporary.path, "node.key");
    this.recipient = newAgeIdentity(this.identity);
  }

  static async make(): Promise<BundleNode> {
    return new BundleNode(await temporaryFolder());
  }

  get folder(): string {
    return this.#temporary.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temporary.remove();
  }

  /** A path that nothing has. */
  newPath(): string {
    return join(this.folder, `${++this.#count}`);
  }

  make(changes: Partial<BundleMaking> = {}): MadeBundle {
    return makeBundle({ folder: this.newPath(), key: this.key, recipient: this.recipient, snapshot: this.snapshot, ...changes });
  }

  /** A copy of a bundle, to be spoilt. */
  copyOf(bundle: MadeBundle): MadeBundle {
    const folder = this.newPath();
    cpSync(bundle.folder, folder, { recursive: true });
    return { ...bundle, folder, tar: join(folder, basename(bundle.tar)), payload: join(folder, basename(bundle.payload)) };
  }

  async run(args: readonly string[], cwd: string, script = RESTORE_SH): Promise<Ended> {
    const options = { cwd, env: { PATH: this.path }, extendEnv: false, reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(join(this.path, "bash"), [script, ...args], options);
    return { code: exitCode, out: stdout, err: stderr };
  }

  /** With the fingerprint and the identity of the node. Nothing but what `more` names is left in the folder, whatever came of it. */
  async here(command: string, { folder }: Pick<MadeBundle, "folder">, ...more: readonly string[]): Promise<Ended> {
    const before = readdirSync(folder);
    const ended = await this.run([command, "--fingerprint", this.key.fingerprint, "--identity", this.identity, ...more], folder);
    expect(readdirSync(folder).filter((each) => !before.includes(each) && !more.includes(each))).toEqual([]);
    expect(ended.err).not.toContain("unexpected");
    return ended;
  }
}

/** Changes one bit; `at` counts from the end where it is negative. */
export function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
