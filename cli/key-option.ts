import { LifeboatError } from "../shared/errors.ts";
import type { KeyTest } from "../shared/snapshot/key-tests.ts";

/** What a person looks for: a prefix or glob, a namespace, or both. */
export interface KeyOptions {
  readonly pattern: string | undefined;
  readonly namespace: string | undefined;
}

export const PATTERN_HELP = "keys that begin so; with * (no slash), ** (anything) or ? keys that fit from end to end";
export const NAMESPACE_FLAG = "-n, --namespace <name>";
export const NAMESPACE_HELP = "objects in this namespace of Kubernetes, and the namespace itself";

export const KEY_HEX_FLAG = "--key-hex <hex>";

/** The bytes that `--key-hex` names. */
export function keyOfHex(hex: string): Uint8Array {
  if (/^([0-9a-f]{2})+$/i.test(hex)) return Buffer.from(hex, "hex");
  throw new LifeboatError("usage", `--key-hex ${hex} is not bytes in hexadecimal`, { hint: "two digits for each byte, such as 2f666f6f" });
}

export async function keyTest({ pattern, namespace }: KeyOptions): Promise<KeyTest> {
  const [{ everyKey, isGlob, keyBeginsWith, keyFits }, { keyIsIn }] = await Promise.all([
    import("../shared/snapshot/key-tests.ts"),
    import("../shared/snapshot/object-names.ts"),
  ]);
  const fits = pattern === undefined ? everyKey : isGlob(pattern) ? keyFits(pattern) : keyBeginsWith(Buffer.from(pattern));
  if (namespace === undefined) return fits;
  requireNamespace(namespace);
  const isIn = keyIsIn(namespace);
  return (bytes, start, end) => fits(bytes, start, end) && isIn(bytes, start, end);
}

/** Most likely it is a variable of the shell that is not set. */
export function requireNamespace(namespace: string): void {
  if (namespace === "") throw new LifeboatError("usage", "-n names no namespace", { hint: "give its name" });
}

/** The words that say the same. */
export function keyWords({ pattern, namespace }: KeyOptions): readonly string[] {
  return [...(pattern === undefined ? [] : [pattern]), ...(namespace === undefined ? [] : ["-n", namespace])];
}
