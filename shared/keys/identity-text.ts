import { LifeboatError } from "../errors.ts";
import type { WrapContext } from "./key-ring.ts";

/**
 * What a local wrapping, and a bundle, encrypts: an age identity file whose comment names the snapshot, so that stock age takes it as it is
 * (`age -d -i wrapping.key WRAPPED | age -d -i - DATA.age`) and another snapshot's is noticed.
 */
export function identityText(identity: string, context: WrapContext): string {
  return `${contextLine(context)}\n${identity}\n`;
}

/** The identity in `text`; `verify/sealed` where it is not exactly what `identityText` makes for `context`. */
export function identityInText(text: string, context: WrapContext): string {
  const [comment, identity, end, ...more] = text.split("\n");
  const isWhole = comment?.startsWith(CONTEXT) === true && identity !== undefined && end === "" && more.length === 0;
  const snapshot = `${context.cluster}/${context.snapshot}`;
  if (!isWhole) {
    throw new LifeboatError(
      "verify/sealed",
      `the wrapped key of ${snapshot} holds something else than an identity and its snapshot's name`,
      {
        hint: "the manifest was not made by lifeboat, or was altered: use another snapshot, or the break-glass identity",
      },
    );
  }
  if (comment !== contextLine(context)) {
    throw new LifeboatError("verify/sealed", `the wrapped key of ${snapshot} belongs to another snapshot`, {
      hint: "the manifest was put together from two: use another snapshot, or the break-glass identity",
    });
  }
  return identity;
}

const CONTEXT = "# context: ";

function contextLine({ cluster, snapshot }: WrapContext): string {
  return `${CONTEXT}${JSON.stringify({ cluster, snapshot })}`;
}
