/** One JSON array of `items`, in pieces, each item on lines of its own: nothing is held but the present one. */
export async function* jsonArray(items: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  let before = "[\n";
  for await (const item of items) {
    yield `${before}  ${JSON.stringify(item, undefined, 2).replaceAll("\n", "\n  ")}`;
    before = ",\n";
  }
  yield before === "[\n" ? "[]\n" : "\n]\n";
}
