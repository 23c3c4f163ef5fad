import { Document, visit } from "yaml";
import type { Scalar, Tags } from "yaml";
import type { KubernetesObject } from "./decoder.ts";

/** What a terminal may obey, a reader may take for the end of a line or not see, and YAML does not allow as it is: https://yaml.org/spec/1.1/#printable%20character/. */
const HIDDEN = String.raw`\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\uffff\p{Surrogate}`;
const UNPRINTABLE = new RegExp(String.raw`[\u0000-\u0009\u000b-\u001f${HIDDEN}]`, "u");
const LEFT_AS_IT_IS = new RegExp(`[${HIDDEN}]`, "gu");
/** Some readers of 1.1 take these for a merge, a default value, and an octal number of 1.2. */
const AMBIGUOUS = /^(?:<<|=|[-+]?0o[0-7_]+)$/;

/**
 * An object in YAML as kubectl writes and reads it: keys in order, and every text quoted that YAML 1.1 could take for something else (`yes`, `0777`, `1:30`). Nothing in it moves a terminal: control
 * characters are escaped. Ends with a line break.
 */
export function toYaml(object: KubernetesObject): string {
  const document = new Document(object, { version: "1.1", customTags: withoutMerge, sortMapEntries: true, aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, scalar: Scalar) {
      if (typeof scalar.value === "string" && (UNPRINTABLE.test(scalar.value) || AMBIGUOUS.test(scalar.value)))
        scalar.type = "QUOTE_DOUBLE";
    },
  });
  // What is left stands in double quotes, where the others are escaped already.
  return document.toString({ lineWidth: 0, directives: false }).replaceAll(LEFT_AS_IT_IS, escaped);
}

/** A key `<<` of an object is a key. */
function withoutMerge(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:merge");
}

function escaped(character: string): string {
  const hex = character.charCodeAt(0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}
