import { REPORT_KEY } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
import { isPage } from "../../report/page.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore } from "../../store/blob-store.ts";

/** The page in the store, which the service writes over every hour. Nobody signed it. */

/** Far above the page of a thousand clusters. */
const MOST_BYTES = 64 * 1024 ** 2;

export async function publishReport(blobs: BlobStore, text: string, signal?: AbortSignal): Promise<void> {
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(text);
  }
  await blobs.put(REPORT_KEY, bytes(), { signal });
}

/**
 * The page, and when it was put there. Throws `ref/not-found` where there is none, and `verify/format` for what does not begin as a page does: a browser would run whatever else is in it.
 */
export async function fetchReport(blobs: BlobStore, signal?: AbortSignal): Promise<{ readonly text: string; readonly modified: Date }> {
  const found = await blobs.head(REPORT_KEY, { signal });
  if (found === undefined)
    throw new LifeboatError("ref/not-found", `there is no report in ${blobs.location}`, {
      hint: "the deployed service writes one every hour; lifeboat report --out report.html makes one here",
    });
  const text = Buffer.from(await readSmall(blobs, REPORT_KEY, MOST_BYTES, signal)).toString();
  if (!isPage(text))
    throw new LifeboatError("verify/format", `${REPORT_KEY} in ${blobs.location} is no page of lifeboat's, and is not opened`, {
      hint: "find out who wrote it; lifeboat report --out report.html makes one here",
    });
  return { text, modified: found.modified };
}
