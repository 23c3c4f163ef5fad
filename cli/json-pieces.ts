/** 64 KiB: few writes, and little that waits. */
const PIECE_LENGTH = 64 * 1024;

/**
 * `JSON.stringify(document, undefined, 2)` and a line's end, in pieces: the text of ten thousand snapshots is some ten megabytes, which as one text would be held three times until it is written.
 * A list may be any iterable: its items are then made one by one, as they are written.
 */
export function* jsonPieces(document: object): Generator<string, void, undefined> {
  let text = "";
  for (const part of partsOf(document)) {
    text += part;
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = "";
  }
  yield text;
}

function* partsOf(document: object): Generator<string, void, undefined> {
  const fields = Array.isArray(document)
    ? []
    : Object.entries(document as Readonly<Record<string, unknown>>).filter(([, value]) => isJson(value));
  if (fields.length === 0) {
    yield `${JSON.stringify(document, undefined, 2)}\n`;
    return;
  }
  let before = "{\n";
  for (const [name, value] of fields) {
    yield `${before}  ${JSON.stringify(name)}: `;
    before = ",\n";
    if (isList(value)) yield* itemsOf(value);
    else yield indented(value, "  ");
  }
  yield "\n}\n";
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

function* itemsOf(items: Iterable<unknown>): Generator<string, void, undefined> {
  let before = "[\n";
  for (const item of items) {
    yield `${before}    ${isJson(item) ? indented(item, "    ") : "null"}`;
    before = ",\n";
  }
  yield before === "[\n" ? "[]" : "\n  ]";
}

/** A line's end stands between values only: in texts it is escaped. */
function indented(value: unknown, by: string): string {
  return JSON.stringify(value, undefined, 2).replaceAll("\n", `\n${by}`);
}

/** JSON leaves out a field without a value. */
function isJson(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}
