import { resolveReference } from "../config/secrets.ts";

/** The text of a file that `setting` refers to, relative to `directory`. Throws `config/secret`. */
export function readReferencedFile(path: string, setting: string, directory: string): Promise<string> {
  const cloud = { read: () => Promise.reject(new Error("a file is in no cloud")) };
  return resolveReference(`file:${path}`, setting, { directory, environment: {}, cloud });
}
