import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { decodeEnvelope, parseJson } from "../../shared/documents/envelope.ts";
import {
  numberInFleetKey,
  numberInIntakeKey,
  partsOfAcceptanceKey,
  partsOfDrillKey,
  partsOfNodeFilesKey,
  partsOfPinKey,
  partsOfRewrapKey,
  partsOfVerifiedKey,
  sequenceInCustodyKey,
  timeInCatalogKey,
  timeInVerdictKey,
} from "../../shared/documents/layout.ts";
import { whyLater } from "../../shared/documents/manifest.ts";
import { digestOf, openDocument, openLaterKind } from "../../shared/documents/signed-document.ts";
import { isLifeboatError } from "../../shared/errors.ts";

/**
 * Documents of format version 1 as they stand in stores, with the keys that signed them: every version of lifeboat goes on reading them so. They are made once and never anew; a new kind, or a new word, adds a file. Those whose
 * names begin with `later` are what a later version might write.
 */

const FOLDER = new URL("../vectors/documents/", import.meta.url);
const fingerprints = z.array(z.string());
const index = z
  .object({
    trusted: z.object({ snapshot: fingerprints, audit: fingerprints, bundle: fingerprints }),
    vectors: z.array(
      z.object({
        file: z.string(),
        key: z.string(),
        kind: z.enum([
          "snapshot",
          "verification",
          "lineage",
          "acceptance",
          "rewrap",
          "pin",
          "drill",
          "catalog",
          "verdict",
          "fleet",
          "intake",
          "node-files",
          "canary",
          "store",
          "placeholder",
          "custody",
        ]),
        expected: z.enum(["opened", "opened as of a later version", "later", "refused"]),
        digest: z.string(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL("index.json", FOLDER), "utf8")));

describe.each(index.vectors)("$file", ({ file, key, kind, expected, digest }) => {
  const bytes = readFileSync(new URL(file, FOLDER));
  const open = (trusted = index.trusted): object => openDocument(kind, bytes, trusted, key);

  test(`is ${expected}`, () => {
    expect(digestOf(bytes)).toBe(digest);
    if (expected === "refused") {
      expect(open).toThrow("format version 2");
      return;
    }
    const later = openLaterKind(bytes, index.trusted, key);
    if (expected === "later") {
      expect(later).toBeDefined();
      expect(open).toThrow(/is of type|for the purpose/);
      return;
    }
    expect(later).toBeUndefined();
    // Nothing of what was signed is lost or changed, whatever this version knows of it.
    expect(open()).toEqual(parseJson(decodeEnvelope(bytes, key).payload, key));
    const document = openDocument(kind, bytes, index.trusted, key);
    const why = document.type === "snapshot" ? whyLater(document) : undefined;
    expect(why === undefined ? "opened" : "opened as of a later version").toBe(expected);
  });

  test("is believed with the keys that signed it alone", () => {
    const nobody = { snapshot: [], audit: [], bundle: [] };
    expect(() => open(nobody)).toThrow();
    try {
      open(nobody);
    } catch (error) {
      if (!isLifeboatError(error)) throw error;
      expect(error.code).toMatch(/^verify\/(untrusted|format)$/);
    }
  });
});

test("their keys are those of the layout", () => {
  const parts: Partial<Record<string, (key: string) => unknown>> = {
    verification: (key) => partsOfVerifiedKey("prod", key),
    acceptance: (key) => partsOfAcceptanceKey("prod", key),
    rewrap: (key) => partsOfRewrapKey("prod", key),
    pin: (key) => partsOfPinKey("prod", key),
    drill: (key) => partsOfDrillKey("prod", key),
    catalog: (key) => timeInCatalogKey("prod", key),
    verdict: (key) => timeInVerdictKey("prod", key),
    fleet: numberInFleetKey,
    intake: (key) => numberInIntakeKey("prod", key),
    "node-files": (key) => partsOfNodeFilesKey("prod", key),
    custody: (key) => sequenceInCustodyKey("prod", key),
  };
  for (const { kind, key } of index.vectors) expect(parts[kind] === undefined ? true : parts[kind](key), key).toBeDefined();
});
