/** What a file that is no plain snapshot begins with, what to call it, and how to open it. */
const FORMATS = [
  {
    magic: Buffer.from("age-encryption.org/v1"),
    what: "a file encrypted with age",
    hint: "lifeboat status REF reads what is stored in place; by hand, age -d -i IDENTITY FILE | zstd -d > snapshot.db opens it",
  },
  {
    magic: Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----"),
    what: "a file encrypted with age (armored)",
    hint: "age -d -i IDENTITY FILE > snapshot.db opens it",
  },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), what: "compressed with zstd", hint: "zstd -d FILE -o snapshot.db opens it" },
  { magic: Buffer.from([0x1f, 0x8b]), what: "compressed with gzip", hint: "gzip -dc FILE > snapshot.db opens it" },
] as const;

/** So many first bytes of a file tell. */
export const LONGEST_MAGIC = Math.max(...FORMATS.map(({ magic }) => magic.length));

/** The format that `head` begins like; undefined for what may be a snapshot (a bbolt file begins with zeros: page number 0). */
export function foreignFormat(head: Uint8Array): { readonly what: string; readonly hint: string } | undefined {
  return FORMATS.find(({ magic }) => magic.equals(head.subarray(0, magic.length)));
}
