/**
 * The entries that `lock` (package-lock.json, version 3) lacks: optional dependencies of locked packages. Systems are told from
 * names, as in @oxlint/binding-linux-x64-musl: npm installs only what fits.
 */
export function missingOptionals(lock) {
  const missing = {};
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isResolved(lock, path, name)) continue;
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) throw new Error(`${path} asks for ${name} ${version}, which is no exact version`);
      const { cpu, os, libc } = systemOf(name);
      // In npm's own order, so that a later `npm install` changes nothing.
      missing[`node_modules/${name}`] = { version, cpu, ...(dev && { dev }), ...(libc && { libc }), optional: true, os };
    }
  }
  return missing;
}

/** Whether Node, looking from `path` upwards, finds `name`. */
function isResolved({ packages }, path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    if (`${folder === "" ? "" : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === "") return false;
  }
}

function systemOf(name) {
  const match =
    /(aix|android|darwin|freebsd|linux|openharmony|sunos|win32)-(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(?:-(gnu|musl))?/.exec(
      name,
    );
  if (match === null) throw new Error(`the name ${name} does not say for which system it is`);
  const [, os, cpu, libc] = match;
  return { cpu: [cpu], os: [os], libc: libc && [libc === "gnu" ? "glibc" : "musl"] };
}
