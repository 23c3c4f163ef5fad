import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { opensslReason } from "../../shared/openssl-reason.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";

/** What a new user types wrong: one error that names the thing, and what to do. */

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  const cwd = folder.path;
  const { code, stderr } = await lifeboatHere(["init", "--cluster", "prod", "--endpoint", "http://127.0.0.1:1"], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  await mkdir(join(cwd, "a-folder"));
  await writeFile(join(cwd, "garbage"), "garbage\n");
});
afterAll(() => folder.remove());

test.each([
  ["ls --limit many", '--limit "many" is not a number of lines'],
  ["ls --since yesterday", '--since "yesterday" is not a UTC time'],
  ["verify prod --missing --within 7", '--within "7" is not a duration'],
  ["backup prod --slot now", '--slot "now" is not a UTC time'],
  ["backup prod --slot", "--slot <time> needs a value"],
  ["backup prod --all", "a cluster (prod) and --all exclude each other"],
  ["orphans --older-than soon", '--older-than "soon" is not a duration'],
  ["custody prod --verify --head garbage", '--head "garbage" does not name a record'],
  ["copy prod/latest --to nowhere", "replica nowhere not found in the configuration"],
  ["show prod/latest --from nowhere", "replica nowhere not found in the configuration"],
  ["export prod/good --out x.db --identity garbage", "garbage: line 1 of the identity file is not an age identity"],
  ["lineage accept prod two --reason why", '"two" is not a lineage\'s number'],
  ["show prod", '"prod" is not a ref'],
  ["pin prod --reason why", '"prod" is not a ref'],
  ["pin prod/latest", "required option '--reason <text>' not specified"],
  ["unpin prod/20261121T100000Z --reason=", "the reason has 0 characters"],
  [`pin prod/latest --reason ${"x".repeat(1001)}`, "the reason has 1001 characters"],
  ["status a-folder", "a-folder is a folder"],
  ["invoke backup staging", "lifeboat.yaml has no cluster staging"],
  ["bakup prod", "unknown command 'bakup' (Did you mean backup?)"],
  ["keys all", "keys takes no argument, and got 1"],
  ["ls prod again", "ls takes 1 argument, and got 2"],
  ["completion fish", "'fish' is not a shell: give bash, zsh"],
  ["--config a-folder ls", "a-folder is a folder, not a configuration file"],
])("%s", async (line, message) => {
  const { code, stdout, stderr } = await lifeboatHere(line.split(" "), { cwd: folder.path });
  const [first, hint] = stderr.split("\n");
  expect({ code, stdout, first }).toEqual({ code: 2, stdout: "", first: `lifeboat: ${message}` });
  expect(hint).toMatch(/^lifeboat: hint: ./);
});

test.each([
  [
    "write EPROTO 409D:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/tlsany_meth.c:77:",
    "what answers there speaks no TLS",
  ],
  ["error:0480006C:PEM routines::no start line", "it has no line -----BEGIN ...-----"],
  ["error:1E08010C:DECODER routines::unsupported", "it is in no form that is understood"],
  ["error:05800074:x509 certificate routines::key values mismatch", "key values mismatch"],
  ["connect ECONNREFUSED 127.0.0.1:1", "connect ECONNREFUSED 127.0.0.1:1"],
])("OpenSSL's %s", (message, reason) => {
  expect(opensslReason(new Error(message))).toBe(reason);
});
