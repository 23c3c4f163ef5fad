import { resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { KopiaRepositoryConfig } from "../config/store-schema.ts";
import { LifeboatError } from "../errors.ts";
import { FORMAT_BLOB } from "../store/kopia/kopia-mirror.ts";
import { prepareFolder, somethingElse } from "../store/kopia/prepare-folder.ts";
import { findKopia } from "../store/kopia/program/find-kopia.ts";
import type { AwsCredentials, Kopia, KopiaRepository } from "../store/kopia/program/kopia.ts";
import { openKopia } from "../store/kopia/program/open-kopia.ts";
import type { S3Settings } from "../store/s3/settings.ts";
import { readRepositoryPassword } from "../vault/repository-password.ts";
import type { FoundPassword } from "../vault/repository-password.ts";
import type { Vault } from "../vault/vault.ts";
import type { Surroundings } from "./ports.ts";
import { findPrograms } from "./programs.ts";

/** Repositories of the configuration, by the program. */

/** A repository by its password, and by nothing else. */
export type OpenByPassword = (password: string) => Promise<Kopia>;

/** Finds the program when it is first needed. */
export function repositoryOpener(loaded: LoadedConfig, repository: KopiaRepositoryConfig, surroundings: Surroundings): OpenByPassword {
  return async (password) => {
    const finder = await findPrograms(loaded, surroundings);
    const { path, warning } = await findKopia(finder, new AbortController().signal);
    if (warning !== undefined) surroundings.onWarning?.(warning);
    const kopia = await openKopia({
      program: path,
      repository: await repositoryOf(repository, loaded.directory),
      password,
      environment: surroundings.environment,
    });
    surroundings.onEnd?.(async () => kopia[Symbol.asyncDispose]());
    return kopia;
  };
}

/** Throws `store/missing` where `lifeboat kopia init` was not run. */
export async function requirePassword(vault: Vault): Promise<FoundPassword> {
  const found = await readRepositoryPassword(vault);
  if (found !== undefined) return found;
  throw new LifeboatError("store/missing", `there is no password of a Kopia repository in ${vault.blobs.location}`, {
    hint: "make the repository with lifeboat kopia init, or correct the place of the manifests if it was made before",
  });
}

export async function repositoryOf(repository: KopiaRepositoryConfig, directory: string): Promise<KopiaRepository> {
  if (repository.kind === "filesystem") return { kind: "filesystem", path: resolve(directory, repository.path) };
  const { bucket, prefix, region, endpoint } = repository;
  const { openClient } = await import("../store/s3/client.ts");
  const { DEFAULT_PACE } = await import("../store/s3/settings.ts");
  const client = openClient(settingsOf(repository), DEFAULT_PACE);
  const credentials = async (): Promise<AwsCredentials> => {
    try {
      const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
      return { accessKeyId, secretAccessKey, sessionToken };
    } catch (error) {
      throw new LifeboatError("store/denied", `there are no credentials for the Kopia repository in s3://${bucket}/${prefix}`, {
        hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        cause: error,
      });
    }
  };
  return { kind: "s3", bucket, prefix, region, ...(endpoint === undefined ? {} : { endpoint }), credentials };
}

type InBucket = Extract<KopiaRepositoryConfig, { readonly kind: "s3" }>;

function settingsOf({ bucket, prefix, region, endpoint, profile }: InBucket): S3Settings {
  return { bucket, prefix, region, endpoint, profile, pathStyle: true };
}

/** Makes the place ready that a repository is first copied to: the folder is made, a bucket must be there. Throws `store/other` where something else is there. */
export async function prepareFor(
  repository: KopiaRepositoryConfig,
  directory: string,
  { clock, randomBytes }: Surroundings,
): Promise<void> {
  if (repository.kind === "filesystem") return prepareFolder(resolve(directory, repository.path));
  const { S3BlobStore } = await import("../store/s3/s3-store.ts");
  const blobs = new S3BlobStore(settingsOf(repository), clock, randomBytes);
  if ((await blobs.head(FORMAT_BLOB)) !== undefined) return;
  for await (const _ of blobs.list("")) throw somethingElse(blobs.location);
}
