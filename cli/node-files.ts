import type { Register } from "./command.ts";
import { addAdd } from "./node-files/add.ts";
import { addExport } from "./node-files/export.ts";
import { addLs } from "./node-files/ls.ts";
import { addRecipient } from "./node-files/recipient.ts";
import { addShow } from "./node-files/show.ts";

/** `lifeboat node-files`. */
export const registerNodeFiles: Register = (program, run) => {
  const nodeFiles = program
    .command("node-files")
    .summary("keep what a restore needs besides etcd: /etc/kubernetes of each node")
    .description(
      "Keep the files of control-plane nodes that no snapshot has: certificates and keys, manifests, the EncryptionConfiguration, etcd's own files. collect.sh encrypts them on the node to the cluster's intake, and they travel through an inbox that nobody believes. Nothing is decrypted to a disk here.",
    )
    .addHelpText(
      "after",
      "\nExample:\n  $ lifeboat node-files recipient prod --out for-nodes\n  $ lifeboat node-files add --inbox\n  $ lifeboat node-files ls prod",
    );
  // With their arguments the list would be wider than a terminal.
  nodeFiles.configureHelp({ subcommandTerm: (command) => command.name() });
  addRecipient(nodeFiles, run);
  addAdd(nodeFiles, run);
  addLs(nodeFiles, run);
  addShow(nodeFiles, run);
  addExport(nodeFiles, run);
};
