import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { BundleNode } from "./bundle-node.ts";
import type { Ended } from "./bundle-node.ts";
import { packSet } from "./packed-set.ts";
import { age, RESTORE_SH } from "./restore-bundle.ts";
import type { MadeBundle } from "./restore-bundle.ts";

/** A node with a root of its own whose files differ in every way from the set that its bundle holds. */
export interface FilesNode {
  readonly root: string;
  readonly bundle: MadeBundle;
  /** restore.sh `args` on it. `hook` is a file that bash reads first. */
  run(args: readonly string[], hook?: string): Promise<Ended>;
}

const ETCD_YAML = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\nspec:\n  containers:\n  - command:\n    - etcd\n    - --name=cp-1\n    - --data-dir=/var/lib/etcd\n    image: registry.k8s.io/etcd:${image}\n    name: etcd\n`;

/** What the set has. */
export const IN_SET: Readonly<Record<string, readonly [string, number]>> = {
  "etc/kubernetes/manifests/etcd.yaml": [ETCD_YAML("3.6.4-0"), 0o600],
  "etc/kubernetes/manifests/kube-apiserver.yaml": ["kind: Pod\nspec: api\n", 0o600],
  "etc/kubernetes/pki/ca.crt": ["a certificate\n", 0o644],
  "etc/kubernetes/pki/ca.key": ["SECRET the key of the set\n", 0o600],
  "etc/kubernetes/pki/etcd/server.key": ["SECRET of etcd\n", 0o640],
  "etc/kubernetes/admin.conf": ["kind: Config\nSECRET: of the set\n", 0o600],
  "etc/kubernetes/enc/config.yaml": ["kind: EncryptionConfiguration\nSECRET: of the set\n", 0o600],
  "var/lib/kubelet/pki/kubelet-client-current.pem": ["SECRET the kubelet's\n", 0o600],
  "etc/etcd.env": ["ETCD_NAME=cp-1\nSECRET=of the set\n", 0o640],
};
export const SET_PATHS = ["etc/kubernetes", "var/lib/kubelet/pki", "etc/etcd.env"];

/** Files below `root`; one with an owner of its own. */
export function writeFiles(root: string, files: Readonly<Record<string, readonly [string, number]>>): void {
  for (const [path, [text, mode]] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  }
}

export function sourceRoot(node: BundleNode): string {
  const root = node.newPath();
  writeFiles(root, IN_SET);
  if (process.getuid?.() === 0) chownSync(join(root, "etc/kubernetes/pki/etcd/server.key"), 997, 996);
  return root;
}

/** One whose bundle holds `tar`, by default the files above. `sealed`: in place of that, as an age file. */
export function filesNode(
  node: BundleNode,
  tar = packSet({ root: sourceRoot(node), paths: SET_PATHS }),
  sealed: Uint8Array = age(tar, node.recipient),
): FilesNode {
  const root = node.newPath();
  writeFiles(root, {
    ...IN_SET,
    "etc/kubernetes/manifests/etcd.yaml": [ETCD_YAML("3.5.21-0"), 0o600],
    "etc/kubernetes/pki/ca.crt": ["a certificate\n", 0o600],
    "etc/kubernetes/pki/ca.key": ["SECRET another key\n", 0o600],
    "etc/kubernetes/admin.conf": ["kind: Config\nSECRET: here\n", 0o600],
    "etc/kubernetes/enc/config.yaml": ["kind: EncryptionConfiguration\nSECRET: here\n", 0o644],
    "etc/kubernetes/manifests/mine.yaml": ["kind: Pod\nspec: mine\n", 0o600],
    "etc/etcd.env": ["ETCD_NAME=cp-1\nSECRET=here\n", 0o640],
    "var/lib/kubelet/pki/kubelet-client-2026.pem": ["SECRET here\n", 0o600],
  });
  execFileSync("rm", ["-rf", join(root, "etc/kubernetes/pki/etcd"), join(root, "var/lib/kubelet/pki/kubelet-client-current.pem")]);
  symlinkSync("kubelet-client-2026.pem", join(root, "var/lib/kubelet/pki/kubelet-client-current.pem"));
  const bundle = node.make({ nodeFiles: { sealed, time: "20261121T090000Z" } });
  const run = async (args: readonly string[], hook?: string): Promise<Ended> => {
    const of = ["--root", root, "--dir", bundle.folder, "--fingerprint", node.key.fingerprint, "--identity", node.identity];
    const env = { PATH: node.path, ...(hook !== undefined && { BASH_ENV: hook }) };
    const options = { cwd: bundle.folder, env, extendEnv: false, reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(join(node.path, "bash"), [RESTORE_SH, ...args, ...of], options);
    return { code: exitCode, out: stdout, err: stderr };
  };
  return { root, bundle, run };
}

/** What restore.sh and the tests themselves write. */
const OURS = /^(?:var\/lib\/etcd-lifeboat(?:\/|$)|hook\.sh$|hit$)/;

/** All that is below `root` but for restore.sh's own state: kinds, modes, owners, bytes, and by default the times of files. */
export function treeOf(root: string, times = true): Readonly<Record<string, string>> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((each) => !OURS.test(each));
  return Object.fromEntries(
    names.toSorted().map((name) => {
      const path = join(root, name);
      const { mode, uid, gid, mtimeMs } = lstatSync(path);
      const kind = mode & 0o170000;
      const what =
        kind === 0o120000 ? readlinkSync(path) : kind === 0o100000 ? `${times ? mtimeMs : ""} ${readFileSync(path, "latin1")}` : "";
      return [name, `${mode.toString(8)} ${uid}:${gid} ${what}`];
    }),
  );
}
