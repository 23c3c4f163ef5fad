// `npm run pack:tools`: the tarballs of a release: for each platform a package of helper programs, and the package itself. They are installed as files, together
// (docs/decisions/0006). `--platform linux-x64` (may stand several times) makes fewer, `--etcd` makes also those of the servers for drills, `--out FOLDER` puts them
// elsewhere.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { stopOnSignals } from "../setup/run.mjs";
import { packMain } from "./main-package.mjs";
import { packPlatform, PLATFORMS } from "./platform-package.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const say = (line) => process.stderr.write(`pack: ${line}\n`);

async function pack() {
  const { values } = parseArgs({
    options: { platform: { type: "string", multiple: true }, etcd: { type: "boolean" }, out: { type: "string" } },
  });
  const kinds = values.etcd === true ? ["tools", "etcd"] : ["tools"];
  const platforms = values.platform ?? Object.keys(PLATFORMS);
  const unknown = platforms.find((name) => !Object.hasOwn(PLATFORMS, name));
  if (unknown !== undefined) throw new Error(`${unknown} is no platform; there are ${Object.keys(PLATFORMS).join(", ")}`);
  const out = resolve(process.env.INIT_CWD ?? ".", values.out ?? join(root, "tools/.cache/packages"));
  await mkdir(out, { recursive: true });
  await mkdir(join(root, "tools/.cache"), { recursive: true });
  const work = await mkdtemp(join(root, "tools/.cache/pack-"));
  try {
    const made = [];
    for (const platform of platforms) for (const kind of kinds) made.push(await packPlatform(root, platform, work, out, say, kind));
    const main = await packMain(root, work, out);
    for (const { tarball } of [...made, main]) process.stdout.write(`${relative(process.env.INIT_CWD ?? process.cwd(), tarball)}\n`);
    say("install them as files, together: no name in a registry is ours yet");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

stopOnSignals();
try {
  await pack();
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
