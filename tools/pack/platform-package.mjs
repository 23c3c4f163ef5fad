import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isPacked, moduleFolders, programName, toolsOf } from "../setup/modules.mjs";
import { licencesOf } from "../setup/licences.mjs";
import { installedGo } from "../setup/prerequisites.mjs";
import { FLAGS, goEnvironment, missingPrograms } from "../setup/programs.mjs";
import { run } from "../setup/run.mjs";
import { npmPack } from "./npm-pack.mjs";

/** What packages are made for, in npm's words and in Go's. */
export const PLATFORMS = {
  "linux-x64": { os: "linux", cpu: "x64", goos: "linux", goarch: "amd64" },
  "linux-arm64": { os: "linux", cpu: "arm64", goos: "linux", goarch: "arm64" },
};

/** What is packed for each platform: what every machine may want, and the servers, which only drills run. */
const KINDS = {
  tools: { title: "Helper programs of etcd-lifeboat", holds: "age, etcdctl, etcdutl, kube-decode and unzstd" },
  etcd: { title: "etcd for drills of etcd-lifeboat", holds: "the server of each minor, on which lifeboat drill rehearses a restore" },
};

/** Packs the programs of a kind for a platform: `{ name, version, tarball }`. */
export async function packPlatform(root, platform, work, out, say, kind = "tools") {
  const folder = join(work, `${kind}-${platform}`);
  await layOutPlatform(root, platform, folder, say, kind);
  return npmPack(folder, out);
}

/** The package of a platform as a folder, as npm installs it. */
export async function layOutPlatform(root, platform, folder, say, kind = "tools") {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const programs = await buildAll(root, platform, join(folder, "bin"), say, kind);
  const sums = await Promise.all(programs.map(async (file) => `${await sha256(join(folder, file))}  ${file}\n`));
  await writeFile(join(folder, "SHA256SUMS"), sums.join(""));
  await writeFile(
    join(folder, "THIRD-PARTY-LICENSES.txt"),
    await licencesOf(
      programs.map((file) => join(folder, file)),
      root,
    ),
  );
  await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
  await writeFile(join(folder, "README.md"), readme(platform, programs, kind));
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifestOf(platform, version, kind), null, 2)}\n`);
}

function manifestOf(platform, version, kind) {
  const { os, cpu } = PLATFORMS[platform];
  const { title, holds } = KINDS[kind];
  return {
    name: `@etcd-lifeboat/${kind}-${platform}`,
    version,
    description: `${title}, for ${platform}: ${holds}`,
    license: "SEE LICENSE IN THIRD-PARTY-LICENSES.txt",
    os: [os],
    cpu: [cpu],
    files: ["bin", "SHA256SUMS", "THIRD-PARTY-LICENSES.txt"],
    // Programs cannot be run out of an archive.
    preferUnplugged: true,
    // Until the name in a registry is ours.
    private: true,
  };
}

function readme(platform, programs, kind) {
  return `# ${KINDS[kind].title}, for ${platform}

Built from source, static, without cgo; which version each is, it says itself. Installed beside etcd-lifeboat, it is where that looks for them: \`lifeboat doctor --tools\` tells
what it finds. SHA256SUMS has the digests (\`sha256sum -c SHA256SUMS\`), THIRD-PARTY-LICENSES.txt the licences.

${programs.map((file) => `- ${file}\n`).join("")}`;
}

/** Builds into `bin`, laid out as tools/bin is; the paths, beginning with `bin/`. */
async function buildAll(root, platform, bin, say, kind) {
  const go = await installedGo();
  if (go === undefined) throw new Error("go is missing: npm run setup says which one is needed");
  const { goos, goarch, os, cpu } = PLATFORMS[platform];
  // What set-up built for this machine is the same build.
  const isBuilt = os === process.platform && cpu === process.arch && (await missingPrograms(root, go)).length === 0;
  const files = [];
  for (const folder of await moduleFolders(root)) {
    const name = basename(folder);
    const below = name.startsWith("etcd-") ? name : "";
    const wanted = toolsOf(await readFile(join(folder, "go.mod"), "utf8")).filter(({ path }) => isPacked(name, path, kind));
    if (wanted.length > 0) await mkdir(join(bin, below), { recursive: true });
    for (const { path } of wanted) {
      const file = join(below, programName(path));
      if (isBuilt) {
        await copyFile(join(root, "tools/bin", file), join(bin, file));
      } else {
        say(`building ${file} for ${platform}`);
        const env = { ...goEnvironment(process.env), GOOS: goos, GOARCH: goarch };
        await run("go", ["build", ...FLAGS, "-o", join(bin, file), path], { cwd: folder, env });
      }
      files.push(join("bin", file));
    }
  }
  return files.toSorted((a, b) => (a < b ? -1 : 1));
}

async function sha256(file) {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}
