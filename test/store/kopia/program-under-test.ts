import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { fileURLToPath } from "node:url";
import { openKopia } from "../../../shared/store/kopia/program/open-kopia.ts";
import type { KopiaOptions } from "../../../shared/store/kopia/program/runs.ts";
import type { Kopia, KopiaRepository } from "../../../shared/store/kopia/program/kopia.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { BucketOptions } from "../../../tools/lab/versitygw.ts";
import { startVersityGateway } from "../../../tools/lab/versitygw.ts";

/** Plays kopia where there is none. */
export const STAND_IN = fileURLToPath(new URL("../../fixtures/bin/kopia", import.meta.url));
export const PASSWORD = "a password of 32 random characters";

/** An empty place for a repository, and programs that reach it. */
export interface KopiaPlace extends AsyncDisposable {
  readonly repository: KopiaRepository;
  /** Where a copy of it may go: a folder that is there, or the same bucket. */
  readonly copyAt: KopiaRepository;
  /** Holds the private folders of all that `open` gave. */
  readonly temporary: string;
  open(options?: Partial<KopiaOptions>): Promise<Kopia>;
  /** Flips a byte in the middle of the largest file of the repository. */
  damage(): Promise<void>;
  /** Where the files of the repository are. */
  readonly files: string;
}

/** What a caller's environment holds that must not reach kopia. */
const MISLEADING = {
  KOPIA_CONFIG_PATH: "/nonexistent/other.config",
  KOPIA_LOG_DIR: "/nonexistent/log",
  KOPIA_CACHE_DIRECTORY: "/nonexistent/cache",
  KOPIA_CHECK_FOR_UPDATES: "true",
  KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: "true",
  KOPIA_PASSWORD: "the caller's own",
  AWS_SESSION_TOKEN: "the caller's own",
  AWS_PROFILE: "no-such",
  ROOT_CA_PEM_BASE64: "no PEM",
};

/** The program that tests run: a real one, or the stand-in. */
export async function folderPlace(program: string): Promise<KopiaPlace> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "repository");
  const copy = join(folder.path, "copy");
  await mkdir(copy);
  const at = { repository: { kind: "filesystem", path }, copyAt: { kind: "filesystem", path: copy } } as const;
  return place(program, at, path, folder.path, () => folder.remove());
}

/** A part of a bucket at a server of its own. */
export async function bucketPlace(program: string, options: BucketOptions = {}): Promise<KopiaPlace & { client(): S3Client }> {
  const folder = await temporaryFolder();
  const gateway = await startVersityGateway();
  const bucket = await gateway.makeBucket(options);
  const { endpoint, region, dataFolder } = gateway;
  const repository = { kind: "s3", bucket, prefix: "kopia/", region, endpoint, credentials: async () => gateway.credentials } as const;
  const remove = async (): Promise<void> => {
    await gateway.stop();
    await folder.remove();
  };
  const at = { repository, copyAt: { ...repository, prefix: "copy/" } };
  return { ...place(program, at, join(dataFolder, bucket), folder.path, remove), client: () => gateway.client() };
}

function place(
  program: string,
  { repository, copyAt }: Pick<KopiaPlace, "repository" | "copyAt">,
  files: string,
  temporary: string,
  remove: () => Promise<void>,
): KopiaPlace {
  return {
    repository,
    copyAt,
    temporary,
    files,
    open: (options) =>
      openKopia({
        program,
        repository,
        password: PASSWORD,
        environment: { ...MISLEADING, PATH: process.env["PATH"] },
        temporary,
        ...options,
      }),
    async damage() {
      const [largest] = await filesBySize(files);
      if (largest === undefined) throw new Error("the repository has no files");
      const bytes = await readFile(largest);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      await chmod(largest, 0o600);
      await writeFile(largest, bytes);
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** The largest first. */
export async function filesBySize(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  const sized = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })));
  return sized.toSorted((a, b) => b.size - a.size).map(({ path }) => path);
}

/** Processes with `text` in their environment: a private folder is in that of everything that kopia and its shell start. */
export function processesWith(text: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid) && readProc(pid, "environ").includes(text));
}

/** Empty where the process is gone, or another user's. */
export function readProc(pid: string, file: "environ" | "cmdline" | "limits" | "comm"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
