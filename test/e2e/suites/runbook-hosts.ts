import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { putCommandInto } from "../../support/lifeboat.ts";
import { requireProgram } from "../../support/programs.ts";
import type { RestoreSite } from "../../support/restore-site.ts";

/** Each node makes its own key. The chapter names three nodes: those that are not there get one too. */
export async function addRecipients(site: RestoreSite, folder: string): Promise<void> {
  let lines = "recipients:\n";
  for (const index of [0, 1, 2]) {
    const name = `cp-${index + 1}`;
    const node = site.nodes[index];
    if (node === undefined) {
      const { stdout } = await execa("sh", ["-c", `'${requireProgram("age-keygen")}' 2>/dev/null | '${requireProgram("age-keygen")}' -y`]);
      lines += `  ${name}: ${stdout}\n`;
      continue;
    }
    await mkdir(join(node.root, "etc/etcd-lifeboat"), { recursive: true, mode: 0o755 });
    const made = await site.run(node, ["keygen", "--name", name]);
    if (made.code !== 0) throw new Error(`keygen ended with ${made.code}: ${made.err}`);
    lines += `  ${name}: ${made.out}\n`;
  }
  const file = join(folder, "lifeboat.yaml");
  await writeFile(file, `${await readFile(file, "utf8")}${lines}`);
}

/** Runs a block where lifeboat.yaml is. ssh and scp reach the nodes' own folders. */
export async function whereConfigured(block: string, site: RestoreSite, cwd: string): Promise<string> {
  const bin = join(cwd, "bin");
  await putCommandInto(bin);
  const roots = join(cwd, "hosts");
  await mkdir(roots, { recursive: true });
  for (const index of [0, 1, 2]) await execa("ln", ["-sfn", site.nodes[index]?.root ?? cwd, join(roots, `cp-${index + 1}`)]);
  const host = `host=\${1#root@}; host=\${host%%:*}`;
  await writeFile(join(bin, "ssh"), `#!/bin/bash\n${host}; shift; exec "\${@/#\\/root/${roots}/$host/root}"\n`, { mode: 0o755 });
  await writeFile(
    join(bin, "scp"),
    `#!/bin/bash\nset -- "\${@: -1}" "\${@:1:$#-1}"\n${host}; to=\${1#*:}; shift; exec cp -- "$@" "${roots}/$host$to"\n`,
    { mode: 0o755 },
  );
  const env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: cwd };
  const options = { cwd, env, extendEnv: false, reject: false } as const;
  const { exitCode, stdout, stderr } = await execa("bash", ["-euo", "pipefail", "-c", block], options);
  if (exitCode !== 0) throw new Error(`${block} ended with ${exitCode}: ${stdout}\n${stderr}`);
  return stdout;
}
