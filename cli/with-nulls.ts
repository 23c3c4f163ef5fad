/** A value for JSON, where what is not there stands as null. */
export type WithNulls<T> = T extends undefined
  ? null
  : T extends readonly (infer Item)[]
    ? readonly WithNulls<Item>[]
    : T extends object
      ? { readonly [Field in keyof T]-?: WithNulls<T[Field]> }
      : T;

/** Every field that has no value gets null; one that is not there at all stays away. */
export function withNulls<T>(value: T): WithNulls<T> {
  // JSON has exactly what the type says: a replacer cannot tell TypeScript.
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => each ?? null)) as WithNulls<T>;
}
