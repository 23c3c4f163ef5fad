import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A path for a file called `name`, in a new folder (mode 0700) that begins with `prefix`, where temporary files lie. The caller writes it; whoever wants it gone removes it. */
export async function temporaryFile(prefix: string, name: string): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), prefix)), name);
}
