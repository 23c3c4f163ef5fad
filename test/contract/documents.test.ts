import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import type { DocumentName } from "../../shared/contract/documents.ts";

/** The documents of `--json` as they are described; test/e2e/contract.live.test.ts holds real ones against them. */

const DOCS = new URL("../../docs/", import.meta.url);

const node = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});

interface Described {
  readonly names: readonly string[];
  readonly isStrict: boolean;
  readonly hasAll: boolean;
}

/** The objects in a JSON Schema, from the outside in; not those of signed payloads, which docs/format.md describes. */
function objectsIn(schema: unknown): readonly Described[] {
  const { properties, required = [], additionalProperties, items, anyOf = [], oneOf = [] } = node.parse(schema);
  const below = [...anyOf, ...oneOf, ...(items === undefined ? [] : [items])].flatMap(objectsIn);
  if (properties === undefined || "formatVersion" in properties) return below;
  const names = Object.keys(properties);
  const own = { names, isStrict: additionalProperties === false, hasAll: names.every((name) => required.includes(name)) };
  return [own, ...Object.values(properties).flatMap(objectsIn), ...below];
}

function objectsOf(name: DocumentName): readonly Described[] {
  return objectsIn(z.toJSONSchema(DOCUMENTS[name], { unrepresentable: "any" }));
}

const names = Object.keys(DOCUMENTS) as readonly DocumentName[];

async function pageOf(name: DocumentName): Promise<string> {
  const command = /^(backup|custody|fleet|invoke|kopia|ls)(?=[A-Z])/.exec(name)?.[1] ?? name;
  return readFile(new URL(name === "error" ? "cli.md" : `commands/${command}.md`, DOCS), "utf8");
}

/** What docs/format.md describes, since it is part of what was signed. */
const SIGNED = new Set(["ciphertext", "subjects", "details"]);

test.each(names)("every field that %s --json prints is named on its page", async (name) => {
  // A doctor has the documents of preflights.
  const sections = (await pageOf(name)) + (name === "doctor" ? await pageOf("preflight") : "");
  const fields = objectsOf(name)
    .filter(({ isStrict }) => isStrict)
    .flatMap((each) => each.names);
  const missing = fields.filter((field) => !SIGNED.has(field) && !new RegExp(`[\`"]${field}[\`"]`).test(sections));
  expect(missing).toEqual([]);
});

test.each(names)("no object of %s leaves a field out or has one that is not described, but those that were signed", (name) => {
  for (const { names: fields, isStrict, hasAll } of objectsOf(name))
    if (isStrict) expect({ fields, hasAll }).toEqual({ fields, hasAll: true });
  expect(objectsOf(name)[0]).toMatchObject({ isStrict: true });
});
