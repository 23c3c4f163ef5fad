import { pemOf } from "../../keys/public-key.ts";
import { KEY_FILE } from "./inspect.ts";
import type { BundleFiles } from "./make.ts";

/** A file of a bundle, in pieces. */
export interface BundleFile {
  readonly name: string;
  readonly bytes: readonly Uint8Array[];
}

/** The files of a bundle but for the payload: signatures come last, so that what is not whole does not hold. */
export function filesOfBundle({ controls, bundleKey }: Pick<BundleFiles, "controls" | "bundleKey">): readonly BundleFile[] {
  return [
    { name: KEY_FILE, bytes: [Buffer.from(pemOf(bundleKey))] },
    ...controls.map(({ recipient, pieces }) => ({ name: tarName(recipient.name), bytes: pieces })),
    ...controls.map(({ recipient, signature }) => ({ name: `${tarName(recipient.name)}.sig`, bytes: [signature] })),
  ];
}

export function tarName(recipient: string): string {
  return `${recipient}.tar`;
}
