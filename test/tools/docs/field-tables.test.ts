import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { DOCUMENTS } from "../../../shared/contract/documents.ts";
import type { DocumentName } from "../../../shared/contract/documents.ts";
import { fieldTables, withFieldTables, withoutTable } from "../../../tools/docs/field-tables.ts";

const docs = await readFile(new URL("../../../docs/commands/copy.md", import.meta.url), "utf8");
const names = Object.keys(DOCUMENTS) as readonly DocumentName[];

test("what a table says of a field: the way to it, its type and what it means", () => {
  const rows = fieldTables("preflight").split("\n");
  expect(rows).toEqual(
    expect.arrayContaining([
      "| `ready` | true or false | whether a backup would find a member |",
      "| `endpoints` | array of objects | each endpoint of the configuration |",
      "| endpoints[].`memberId` | text or null | in hexadecimal |",
      "| endpoints[].error.`code` | text | stable, such as `verify/signature` |",
      "| alarms[].`alarm` | `NOSPACE` or `CORRUPT` | etcd's |",
    ]),
  );
});

test("a choice names each form once, and what was not seen is said beside the type", () => {
  const table = fieldTables("doctor");
  expect(table.match(/\| store\[\]\.facts\.`kind` \| `\w+` \|/g)).toHaveLength(2);
  expect(table).toContain("| store[].facts.`versioning` | `enabled`, `suspended` or `off` or unseen |");
  expect(table).toContain("| `etcd` | array of the document of [preflight](#lifeboat-preflight) or null |");
  expect(table).not.toContain("etcd[].");
});

test("what was signed is left to docs/format.md", () => {
  expect(fieldTables("show")).toContain("| `manifest` | object | the signed payload: docs/format.md |");
  expect(fieldTables("show")).not.toContain("manifest.");
});

test.each(names)("every field of %s says what it means", (name) => {
  expect(() => fieldTables(name)).not.toThrow();
});

test("links lead to where the page says", () => {
  const page = withFieldTables("<!-- fields of doctor: npm run docs -->\n<!-- end of fields -->\n", (target) => `there/${target}`);
  expect(page).toContain("[preflight](there/#lifeboat-preflight)");
});

test("a document that no page has is named", () => {
  expect(withoutTable([docs])).toEqual(names.filter((name) => name !== "copy"));
});

test("a page that closes no marker or names no document is refused", () => {
  expect(() => withFieldTables(docs.replaceAll("<!-- end of fields -->", ""))).toThrow("is not closed by");
  expect(() => withFieldTables(docs.replace("fields of copy:", "fields of copies:"))).toThrow("names no document");
});
