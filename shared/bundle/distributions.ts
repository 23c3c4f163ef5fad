import type { Distribution } from "./plan.ts";

/** What is typed where a distribution's own tool restores, given a plain snapshot file: docs/runbook.md, "Restoring a distribution", names the source of each. */
interface DistributionSteps {
  /** The first line says where, the next are typed. A line that begins with `#` explains. */
  readonly lines: readonly string[];
}

/** The name that restore.sh export is told to write in the lines below. */
export const EXPORTED_FILE = "/root/snapshot.db";

const STEPS: Readonly<Record<Exclude<Distribution, "etcd">, DistributionSteps>> = {
  k3s: {
    lines: [
      "# on every server: stop k3s",
      "systemctl stop k3s",
      "# on one server only; it needs the token of the cluster that the snapshot is of (/var/lib/rancher/k3s/server/token)",
      `k3s server --cluster-reset --cluster-reset-restore-path=${EXPORTED_FILE} --token=TOKEN`,
      "systemctl start k3s",
      "# on each other server: its old member must not come back",
      "rm -rf /var/lib/rancher/k3s/server/db",
      "systemctl start k3s",
    ],
  },
  rke2: {
    lines: [
      "# on every server: stop rke2",
      "systemctl stop rke2-server",
      "# on one server only; it needs the token of the cluster that the snapshot is of (/var/lib/rancher/rke2/server/token)",
      `rke2 server --cluster-reset --cluster-reset-restore-path=${EXPORTED_FILE} --token=TOKEN`,
      "systemctl start rke2-server",
      "# on each other server: its old member must not come back",
      "rm -rf /var/lib/rancher/rke2/server/db",
      "systemctl start rke2-server",
    ],
  },
  talos: {
    lines: [
      "# from a machine with talosctl, to which the file was copied; no node of the control plane may run etcd, and all have the same machine configuration as before",
      "talosctl -n IP_OF_EACH_CONTROL_PLANE_NODE reset --graceful=false --reboot --system-labels-to-wipe=EPHEMERAL",
      "# on one of them only",
      "talosctl -n IP_OF_ONE_CONTROL_PLANE_NODE bootstrap --recover-from=./snapshot.db",
    ],
  },
  openshift: {
    lines: [
      "# on the recovery host; cluster-restore.sh also wants the static pod resources of the same backup, which an etcd snapshot does not hold",
      `install -D -m 600 ${EXPORTED_FILE} /home/core/backup/snapshot_restored.db`,
      "cp /path/of/your/static_kuberesources_TIME.tar.gz /home/core/backup/",
      "/usr/local/bin/cluster-restore.sh /home/core/backup",
    ],
  },
  kops: {
    lines: [
      "# etcd-manager restores from its own backup store only: put the file there as one of its backups",
      `gzip -c ${EXPORTED_FILE} > etcd.backup.gz`,
      "# beside it goes _etcd_backup.meta of another backup of the same etcd-manager and cluster",
      "etcd-manager-ctl --backup-store=BACKUP_STORE_OF_THE_CLUSTER list-backups",
      "etcd-manager-ctl --backup-store=BACKUP_STORE_OF_THE_CLUSTER restore-backup NAME_OF_THE_BACKUP",
    ],
  },
};

/** The lines for a distribution; none where etcd's own tools restore. */
export function distributionLines(distribution: Distribution): readonly string[] {
  return distribution === "etcd" ? [] : STEPS[distribution].lines;
}
