import type { KeyTest } from "../shared/snapshot/key-tests.ts";

/** What a person looks for: a prefix or glob, a namespace, or both. */
export interface KeyOptions {
  readonly pattern: string | undefined;
  readonly namespace: string | undefined;
}

export const PATTERN_HELP = "keys that begin so; with * (no slash), ** (anything) or ? keys that fit from end to end";
export const NAMESPACE_FLAG = "-n, --namespace <name>";
export const NAMESPACE_HELP = "objects in this namespace of Kubernetes, and the namespace itself";

export async function keyTest({ pattern, namespace }: KeyOptions): Promise<KeyTest> {
  const [{ everyKey, isGlob, keyBeginsWith, keyFits }, { keyIsIn }] = await Promise.all([
    import("../shared/snapshot/key-tests.ts"),
    import("../shared/snapshot/object-names.ts"),
  ]);
  const fits = pattern === undefined ? everyKey : isGlob(pattern) ? keyFits(pattern) : keyBeginsWith(Buffer.from(pattern));
  if (namespace === undefined) return fits;
  const isIn = keyIsIn(namespace);
  return (bytes, start, end) => fits(bytes, start, end) && isIn(bytes, start, end);
}

/** The words that say the same. */
export function keyWords({ pattern, namespace }: KeyOptions): readonly string[] {
  return [...(pattern === undefined ? [] : [pattern]), ...(namespace === undefined ? [] : ["-n", namespace])];
}
