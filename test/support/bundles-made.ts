import { pemOf, parsePem } from "../../shared/keys/public-key.ts";
import { filesOfBundle } from "../../shared/jobs/bundle/files.ts";
import { inspectBundle } from "../../shared/jobs/bundle/inspect.ts";
import type { Inspection, InspectRequest } from "../../shared/jobs/bundle/inspect.ts";
import { makeBundle } from "../../shared/jobs/bundle/make.ts";
import type { BundleOutput, BundleParts, BundleRequest, MadeBundle, MakeBundlePorts } from "../../shared/jobs/bundle/make.ts";
import { StoreOutput } from "../../shared/jobs/bundle/publish.ts";
import type { Recipient } from "../../shared/bundle/plan.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { seededBytes } from "./seeded-bytes.ts";
import type { TestVault } from "./vaults.ts";

/** Bundles of a vault in memory, in a folder in memory. */

/** Stands for the programs of a machine: what is in them matters to no test that uses it. */
export const SMALL_PARTS: BundleParts = {
  programs: (architecture, minor) =>
    Promise.resolve({
      programs: ["unzstd", "age", "etcdutl", "etcdctl"].map((name) => ({
        name,
        version: `${minor}.1`,
        bytes: seededBytes(`${name} ${architecture} ${minor}`, 3000),
      })),
      licences: Buffer.from("licences\n"),
    }),
  scripts: () =>
    Promise.resolve({
      script: Buffer.from("#!/bin/bash\n"),
      memberScript: Buffer.from("#!/bin/bash\n"),
      library: [
        { name: "verify.sh", bytes: Buffer.from("# b\n") },
        { name: "plan.sh", bytes: Buffer.from("# a\n") },
      ],
    }),
};

export interface TestRecipient extends Recipient {
  readonly identity: string;
}

export async function newRecipient(name: string, enrolled = true): Promise<TestRecipient> {
  const { identity, recipient } = await newIdentity();
  return { name, key: recipient, enrolled, identity };
}

/** A folder in memory: what is written, by name. */
export class MemoryFolder implements BundleOutput {
  readonly location = "the folder";
  readonly published = false;
  readonly files = new Map<string, Buffer>();

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  write(...[files]: Parameters<BundleOutput["write"]>): Promise<void> {
    for (const { name, bytes } of filesOfBundle(files)) this.files.set(name, Buffer.concat(bytes));
    return Promise.resolve();
  }

  names(): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()]);
  }

  read(name: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = this.files.get(name);
    if (bytes === undefined) return Promise.reject(new LifeboatError("verify/missing", `there is no ${name}`));
    return bytes.length > maxBytes ? Promise.reject(new LifeboatError("verify/size", `${name} is too large`)) : Promise.resolve(bytes);
  }

  // oxlint-disable-next-line require-await -- an async iterable of one
  async *stream(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    yield this.files.get(name) ?? Buffer.alloc(0);
  }
}

export interface BundleOf {
  readonly made: MadeBundle;
  readonly folder: MemoryFolder;
}

/** A bundle of what `ref` names, for `recipients`. */
export async function bundleOf(
  vault: TestVault & Pick<MakeBundlePorts, "addressFiles">,
  ref: string,
  recipients: readonly Recipient[],
  fields: Partial<BundleRequest> = {},
): Promise<BundleOf> {
  const folder = new MemoryFolder();
  const made = await makeBundle(
    { ...vault, randomBytes: (bytes) => Buffer.alloc(bytes, 7), parts: SMALL_PARTS },
    {
      ref,
      recipients,
      members: undefined,
      architecture: "amd64",
      distribution: "etcd",
      reason: undefined,
      validMs: 86_400_000,
      signal: new AbortController().signal,
      output: folder,
      ...fields,
    },
  );
  return { made, folder };
}

/** The same, published in the vault's own store. */
export async function publishIn(
  vault: TestVault,
  ref: string,
  recipients: readonly Recipient[],
  fields: Partial<BundleRequest> = {},
): Promise<{ readonly made: MadeBundle; readonly output: StoreOutput }> {
  const output = new StoreOutput(vault);
  const { made } = await bundleOf(vault, ref, recipients, { ...fields, output });
  return { made, output };
}

/** What is published in the store, in a folder, as somebody copies it from there. */
export function folderOfPublished(vault: TestVault): MemoryFolder {
  const folder = new MemoryFolder();
  for (const [key, { bytes }] of vault.blobs.objects)
    if (key.startsWith("bundles/")) folder.files.set(key.slice(key.lastIndexOf("/") + 1), Buffer.from(bytes));
  return folder;
}

export function inspectIn(vault: TestVault, folder: MemoryFolder, fields: Partial<InspectRequest> = {}): Promise<Inspection> {
  return inspectBundle(
    {
      folder,
      clock: vault.clock,
      progress: vault.progress,
      parseKey: (pem) => parsePem(Buffer.from(pem).toString("latin1"), "bundle.pub"),
    },
    {
      trusted: vault.trusted,
      fingerprint: undefined,
      clusters: undefined,
      identity: undefined,
      signal: new AbortController().signal,
      ...fields,
    },
  );
}

/** Signs the control tar of `recipient` anew with the vault's bundle key, as a desk that somebody took over could. */
export async function signAnew(vault: TestVault, folder: MemoryFolder, recipient: string, tar: Uint8Array): Promise<void> {
  const { signature, publicKey } = await vault.keys.sign("bundle", tar);
  folder.files.set(`${recipient}.tar`, Buffer.from(tar));
  folder.files.set(`${recipient}.tar.sig`, Buffer.from(signature));
  folder.files.set("bundle.pub", Buffer.from(pemOf(publicKey)));
}
