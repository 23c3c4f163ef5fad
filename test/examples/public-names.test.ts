import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";

/** No name in a public registry is ours: whoever takes `etcd-lifeboat`, `lifeboat` or `@etcd-lifeboat/...` there would run on the machines of our users. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const INSTALLS =
  /\b(npm (install|i|add|exec|x|create|init)|npx|yarn (add|dlx|global)|pnpm (add|dlx|i|install)|bunx?|deno (install|run))\b[^\n`]*/g;
/** A word that npm takes for the name of a package: no path, and no tarball. `npx --no` fetches nothing. */
const OURS = /(^|[\s"'=])(@etcd-lifeboat\/[\w.-]+|(etcd-)?lifeboat)(@[\w.^~-]+)?(?=[\s"'`,;)]|$)/;

/** What `text` would have npm fetch from a registry under a name of ours. */
function fetched(text: string): readonly string[] {
  const commands = Array.from(text.matchAll(INSTALLS), ([command]) => command)
    .map((command) => command.split(/ && | \|\| |; /, 1)[0] ?? "")
    .filter((command) => !command.startsWith("npx --no ") && OURS.test(command.replace(/^\S+ /, "")));
  // In a manifest: by a version, where a file would be named.
  const dependencies = Array.from(text.matchAll(/"(?:etcd-lifeboat|@etcd-lifeboat\/[\w.-]+)": "(?!file:)[^"]*\d[^"]*"/g), ([line]) => line);
  return [...commands, ...dependencies];
}

test.each([
  "RUN npm install --global etcd-lifeboat && npm cache clean --force",
  "npm install etcd-lifeboat@0.1.0",
  "npm i -g @etcd-lifeboat/tools-linux-x64",
  "`npx etcd-lifeboat backup prod`",
  "npx lifeboat --help",
  "npx -y lifeboat",
  '"etcd-lifeboat": "^0.1.0"',
])("is found in %s", (text) => {
  expect(fetched(text)).toHaveLength(1);
});

test.each([
  "npm install --global ./etcd-lifeboat-0.1.0.tgz ./etcd-lifeboat-tools-linux-x64-0.1.0.tgz",
  "npm install ./*.tgz && lifeboat --help",
  "npx --no -- lifeboat --help",
  "npx cdk destroy lifeboat-service -c config=lifeboat.yaml",
  '"etcd-lifeboat": "file:etcd-lifeboat-0.1.0.tgz"',
  "npm run -s lifeboat -- ls",
])("is not found in %s", (text) => {
  expect(fetched(text)).toEqual([]);
});

test("no document, example or message has such a name installed from a registry", async () => {
  const { stdout } = await execa("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  const files = stdout.split("\n").filter((file) => /^(README|CHANGELOG|docs\/|examples\/|cli\/|infra\/|shared\/|tools\/)/.test(file));
  expect(files).toEqual(expect.arrayContaining(["README.md", "examples/kubernetes/Dockerfile", "examples/systemd/README.md"]));
  const found: string[] = [];
  for (const file of files)
    for (const line of fetched(await readFile(`${ROOT}${file}`, "utf8").catch(() => ""))) found.push(`${file}: ${line}`);
  expect(found).toEqual([]);
});
