import type { BundleMember } from "./members.ts";

/** The members as the file that `--nodes` takes, in YAML, for a person to edit. Names and URLs of members hold nothing that YAML would read otherwise within quotes. */
export function renderNodes(members: readonly BundleMember[], cluster: string, id: string): string {
  return `# The members that a restore of ${cluster}/${id} makes. For new machines change names and URLs; then: lifeboat bundle ... --nodes THIS_FILE
# layout: auto (restore.sh finds out), static-pod (kubeadm), systemd or bare
nodes:
${members.map(renderNode).join("")}`;
}

function renderNode({ name, peerUrls, clientUrls, layout }: BundleMember): string {
  const list = (urls: readonly string[]): string => urls.map((url) => `"${url}"`).join(", ");
  return `  - name: "${name}"
    peerUrls: [${list(peerUrls)}]
    clientUrls: [${list(clientUrls)}]
    layout: ${layout}
    # dataDir: /var/lib/etcd
    # service: etcd
`;
}
