import { expect, test } from "vitest";
import { judgeFolder } from "../../../shared/jobs/doctor/judge-folder.ts";
import type { FolderFacts } from "../../../shared/store/store-inspector.ts";

const GOOD: FolderFacts = { kind: "folder", path: "/vault", mode: 0o700, isWritable: true, freeBytes: 50e9, isInMemory: false };

test.each<[string, Partial<FolderFacts>, readonly string[]]>([
  ["is well", {}, []],
  ["is not there yet", { mode: undefined }, ["info folder-missing: /vault is not there yet: the first backup makes it"]],
  ["cannot be written", { isWritable: false }, ["problem folder-denied: /vault may not be written by this user: a backup would fail"]],
  [
    "is shared with its group",
    { mode: 0o3770 },
    ["info folder-shared: /vault is shared with its group (mode 3770), so new files are readable by it"],
  ],
  ["others may read", { mode: 0o755 }, ["info folder-open: users other than the owner of /vault may read it (mode 0755)"]],
  [
    "others may write",
    { mode: 0o770 },
    ["warning folder-open: users other than the owner of /vault may remove and replace what is in it (mode 0770)"],
  ],
  ["has little room", { freeBytes: 1024 ** 3 }, ["warning disk-full: the disk of /vault has 1024 MiB left"]],
  ["has no room", { freeBytes: 1024 ** 2 }, ["problem disk-full: the disk of /vault has 1 MiB left"]],
  [
    "is in memory",
    { isInMemory: true },
    ["warning disk-in-memory: /vault is on a file system in memory: a restart of this machine removes every snapshot"],
  ],
])("a folder that %s", (_, change, expected) => {
  const found = judgeFolder("store", { ...GOOD, ...change });
  expect(found.map(({ severity, code, message }) => `${severity} ${code}: ${message}`)).toEqual(expected);
  for (const { subject, fix } of found) expect([subject, fix]).toEqual(["store", expect.stringMatching(/./)]);
});
