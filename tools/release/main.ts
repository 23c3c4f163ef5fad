import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runProgram } from "../lab/run-program.ts";
import { billOfPackages, billOfPrograms } from "./bills.ts";
import { changesOf, digestsOf, envelope, provenance, signerOf, sumsText } from "./steps.ts";

/**
 * `npm run release -- --out FOLDER --key release.pem`: the tarballs of a release, their digests, bills of materials and provenance, signed. It publishes nothing.
 * `--dry-run` does the same from a checkout as it is, without a key, and says what a release would refuse.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const say = (line: string): void => {
  process.stderr.write(`release: ${line}\n`);
};

async function release(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      key: { type: "string" },
      platform: { type: "string", multiple: true },
      "dry-run": { type: "boolean", default: false },
    },
  });
  if (values.out === undefined) throw new Error("--out FOLDER says where to; it must not be there yet");
  const out = resolve(process.env["INIT_CWD"] ?? ".", values.out);
  const isThere = await readdir(out).then(
    () => true,
    () => false,
  );
  if (isThere) throw new Error(`${out} is there already: name another folder, or remove it`);

  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
  const changes = changesOf(await readFile(join(ROOT, "CHANGELOG.md"), "utf8"), version);
  const dirty = (await run("git", "status", "--porcelain")) !== "";
  const lacking = [
    ...(changes === undefined ? [`CHANGELOG.md has no section ## ${version}`] : []),
    ...(dirty ? ["the checkout has changes that are not committed"] : []),
    ...(values.key === undefined ? ["no --key FILE to sign with"] : []),
  ];
  if (lacking.length > 0 && !values["dry-run"]) throw new Error(`${lacking.join("; ")}. --dry-run goes on without`);
  for (const reason of lacking) say(`a release would be refused: ${reason}`);
  const keyFile = values.key === undefined ? undefined : resolve(process.env["INIT_CWD"] ?? ".", values.key);
  const signer = keyFile === undefined ? undefined : signerOf(await readFile(keyFile, "utf8"), keyFile);

  await mkdir(dirname(out), { recursive: true });
  // In place as a whole, or not at all.
  const folder = await mkdtemp(join(dirname(out), `.${basename(out)}-`));
  const work = await mkdtemp(join(tmpdir(), "lifeboat-release-"));
  try {
    say("packing");
    const platforms = (values.platform ?? []).flatMap((platform) => ["--platform", platform]);
    await run(process.execPath, "tools/pack/tools.mjs", ...platforms, "--out", folder);
    for (const tarball of (await readdir(folder)).filter((name) => name.startsWith("etcd-lifeboat-tools-")))
      await billOfTarball(join(folder, tarball), work, join(folder, tarball.replace(/-[^-]*\.tgz$/, ".cdx.json")));
    await billOfPackages(ROOT, join(folder, "etcd-lifeboat.cdx.json"));
    if (changes !== undefined) await writeFile(join(folder, "CHANGES.md"), `${changes}\n`);
    const statement = provenance(await digestsOf(folder), {
      version,
      commit: await run("git", "rev-parse", "HEAD"),
      lock: createHash("sha256")
        .update(await readFile(join(ROOT, "package-lock.json")))
        .digest("hex"),
      node: process.version,
      go: await run("go", "env", "GOVERSION"),
      finishedAt: new Date().toISOString(),
    });
    const told = signer === undefined ? statement : envelope(statement, signer);
    await writeFile(
      join(folder, signer === undefined ? "provenance.unsigned.json" : "provenance.intoto.json"),
      `${JSON.stringify(told)}\n`,
    );
    const sums = sumsText(await digestsOf(folder));
    await writeFile(join(folder, "SHA256SUMS"), sums);
    if (signer !== undefined) {
      await writeFile(join(folder, "SHA256SUMS.sig"), signer.signature(Buffer.from(sums)));
      await writeFile(join(folder, "release.pub"), signer.publicKey);
      say(`signed by ${signer.fingerprint}`);
    }
    await rename(folder, out);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  }
  for (const name of (await readdir(out)).toSorted()) process.stdout.write(`${join(out, name)}\n`);
}

async function billOfTarball(tarball: string, work: string, file: string): Promise<void> {
  say(`listing what ${basename(tarball)} is made of`);
  const unpacked = await mkdtemp(join(work, "unpacked-"));
  await run("tar", "-xzf", tarball, "-C", unpacked);
  await billOfPrograms(ROOT, join(unpacked, "package/bin"), file);
}

async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await runProgram(program, args, { cwd: ROOT, env: { ...process.env, INIT_CWD: ROOT } })).trim();
}

try {
  await release();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
