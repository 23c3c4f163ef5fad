import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../errors.ts";
import { isKey, isPrefix } from "../blob-key.ts";
import type { BlobInfo } from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";

/** Every object that is shown below the store's prefix, in the order of the keys. */
export async function* listObjects(bucket: Bucket, prefix: string, signal?: AbortSignal): AsyncGenerator<BlobInfo, void, undefined> {
  const inOrder = orderIn(bucket.location);
  for await (const { Contents = [] } of pagesOf(bucket, prefix, undefined, signal)) {
    for (const { Key, Size, LastModified, ETag } of Contents) {
      const key = Key?.slice(bucket.settings.prefix.length);
      if (key === undefined || !isKey(key)) continue;
      inOrder(key);
      yield { key, bytes: Size ?? 0, modified: LastModified ?? new Date(0), ...(ETag === undefined ? {} : { tag: ETag }) };
    }
  }
}

/** What keys that begin with `prefix` have up to their next slash, each once: S3 finds them without a walk through what lies below. */
export async function* listFolders(bucket: Bucket, prefix: string, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
  const inOrder = orderIn(bucket.location);
  for await (const { CommonPrefixes = [] } of pagesOf(bucket, prefix, "/", signal)) {
    for (const { Prefix } of CommonPrefixes) {
      const folder = Prefix?.slice(bucket.settings.prefix.length);
      if (folder === undefined || !isPrefix(folder)) continue;
      inOrder(folder);
      yield folder;
    }
  }
}

async function* pagesOf(
  { client, retry, where, settings }: Bucket,
  prefix: string,
  delimiter: "/" | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListObjectsV2CommandOutput, void, undefined> {
  const doing = `list ${prefix === "" ? "everything" : prefix}`;
  let token: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      ...where,
      Prefix: settings.prefix + prefix,
      ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const page = await retry.call(doing, (abortSignal) => client.send(command, { abortSignal }), { signal });
    yield page;
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** Throws `store/failed` at the first name that comes before the one that it was told before. S3's directory buckets do so, for one. */
export function orderIn(location: string): (name: string) => void {
  let last = "";
  return (name) => {
    if (name < last)
      throw new LifeboatError("store/failed", `${location} lists ${name} after ${last}: it does not keep the order of keys`, {
        hint: "use a general purpose bucket",
      });
    last = name;
  };
}
