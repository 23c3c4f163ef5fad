/** One JSON array of `items`, in pieces, each item on lines of its own: nothing is held but the present one. */
export async function* jsonArray(items: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  yield* itemsOf(items, "");
  yield "\n";
}

/** A JSON object of the fields of `head`, of `items` by the name `name`, and of the fields that `tail` gives when the last item was printed. */
export async function* jsonAround(
  head: object,
  name: string,
  items: AsyncIterable<object>,
  tail: () => object,
): AsyncGenerator<string, void, undefined> {
  yield `${openOf(head)},\n  ${JSON.stringify(name)}: `;
  yield* itemsOf(items, "  ");
  yield `,${JSON.stringify(tail(), undefined, 2).slice(1)}\n`;
}

/** An object's text without its end. */
function openOf(fields: object): string {
  return JSON.stringify(fields, undefined, 2).replace(/\n\}$/, "");
}

async function* itemsOf(items: AsyncIterable<object>, indent: string): AsyncGenerator<string, void, undefined> {
  let before = "[\n";
  for await (const item of items) {
    yield `${before}${indent}  ${JSON.stringify(item, undefined, 2).replaceAll("\n", `\n${indent}  `)}`;
    before = ",\n";
  }
  yield before === "[\n" ? "[]" : `\n${indent}]`;
}
